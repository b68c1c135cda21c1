//! The capsule's configuration: what its manifest declares under `[env]`, as in `std::env`.
//!
//! A value is looked up in this order: the secret store for a key of type `secret` (the
//! principal's, then the host's), the calling principal's own setting, the manifest's default.
//! A key of type `secret` is refused, with `capability-denied`, where an uplink only claims on whose behalf the call is.
//!
//! ```
//! use astrid_sdk::prelude::*;
//! # astrid_sdk::testing::Host::new().env("GREETING", "Hello").run(|| {
//! assert_eq!(env::var("GREETING")?, "Hello");
//! assert_eq!(env::var_opt("NAME")?, None);
//! assert_eq!(env::var("NAME"), Err(env::Error::NotSet("NAME".into())));
//! # Ok::<(), env::Error>(())
//! # }).unwrap();
//! ```

use core::fmt;

use crate::sys;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The key, given here, has no value and the manifest gives it no default.
    NotSet(String),
    /// The host could not answer, with the contract's code.
    Host(sys::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSet(key) => write!(
                f,
                "`{key}` is not set: give it a value, or a default under [env] in Capsule.toml"
            ),
            Self::Host(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotSet(_) => None,
            Self::Host(error) => Some(error),
        }
    }
}

impl From<sys::Error> for Error {
    fn from(error: sys::Error) -> Self {
        Self::Host(error)
    }
}

/// The value of a key. A string comes as it is, any other value as its JSON text.
///
/// Keys that begin with `ASTRID_`, and `prev_version`, are the host's: where it does not provide
/// one, it is not set.
pub fn var(key: &str) -> Result<String, Error> {
    var_opt(key)?.ok_or_else(|| Error::NotSet(key.into()))
}

/// The value of a key, none when it isn't set.
pub fn var_opt(key: &str) -> Result<Option<String>, Error> {
    Ok(sys::get_config(key)?)
}

/// The value of a key, or what is to be used when it isn't set.
pub fn var_or(key: &str, default: impl Into<String>) -> Result<String, Error> {
    Ok(var_opt(key)?.unwrap_or_else(|| default.into()))
}
