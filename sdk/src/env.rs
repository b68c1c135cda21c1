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
//!
//! # Types
//!
//! [`get`] reads a value as any type that is made from a text, [`json`] as any that serde reads, such as a list:
//!
//! ```
//! use astrid_sdk::prelude::*;
//! # astrid_sdk::testing::Host::new().env("PORT", "8080").env("TAGS", r#"["a","b"]"#).run(|| {
//! let port: u16 = env::get("PORT")?;
//! let retries: u8 = env::get_or("RETRIES", 3)?;
//! let proxy: Option<String> = env::get_opt("PROXY")?;
//! let tags: Vec<String> = env::json("TAGS")?;
//! assert_eq!((port, retries, proxy, tags.len()), (8080, 3, None, 2));
//!
//! let error = env::get::<u8>("PORT").unwrap_err();
//! assert_eq!(error.to_string(), "the value of `PORT` does not fit `u8`: give it another value");
//! # Ok::<(), env::Error>(())
//! # }).unwrap();
//! ```
//!
//! A value that does not fit is not quoted, and neither is what a parser says of it: it may be a secret.

use core::{any::type_name, fmt, str::FromStr};

use serde::de::DeserializeOwned;

use crate::sys;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The key, given here, has no value and the manifest gives it no default.
    NotSet(String),
    /// The value does not fit the type that was asked for.
    Misfit {
        /// The key.
        key: String,
        /// The type.
        wanted: &'static str,
        /// Line and column where JSON does not fit.
        at: Option<(usize, usize)>,
    },
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
            Self::Misfit {
                key,
                wanted,
                at: None,
            } => write!(
                f,
                "the value of `{key}` does not fit `{wanted}`: give it another value"
            ),
            Self::Misfit {
                key,
                wanted,
                at: Some((line, column)),
            } => write!(
                f,
                "the value of `{key}` does not fit `{wanted}` at line {line} column {column} of its JSON: give it another value"
            ),
            Self::Host(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotSet(_) | Self::Misfit { .. } => None,
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

/// The value of a key as a type that is made from a text: a number, `bool`, a `String`, an address.
pub fn get<T: FromStr>(key: &str) -> Result<T, Error> {
    parse(key, &var(key)?)
}

/// As [`get`], none when the key is not set.
pub fn get_opt<T: FromStr>(key: &str) -> Result<Option<T>, Error> {
    var_opt(key)?.map(|value| parse(key, &value)).transpose()
}

/// As [`get`], or what is to be used when the key is not set. A value that does not fit is an error all the same.
pub fn get_or<T: FromStr>(key: &str, default: T) -> Result<T, Error> {
    Ok(get_opt(key)?.unwrap_or(default))
}

/// The value of a key read from JSON: a list, or a table.
pub fn json<T: DeserializeOwned>(key: &str) -> Result<T, Error> {
    read(key, &var(key)?)
}

/// As [`json`], none when the key is not set.
pub fn json_opt<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    var_opt(key)?.map(|value| read(key, &value)).transpose()
}

fn parse<T: FromStr>(key: &str, value: &str) -> Result<T, Error> {
    value.parse().map_err(|_| Error::Misfit {
        key: key.into(),
        wanted: type_name::<T>(),
        at: None,
    })
}

fn read<T: DeserializeOwned>(key: &str, value: &str) -> Result<T, Error> {
    serde_json::from_str(value).map_err(|error| Error::Misfit {
        key: key.into(),
        wanted: type_name::<T>(),
        at: Some((error.line(), error.column())),
    })
}
