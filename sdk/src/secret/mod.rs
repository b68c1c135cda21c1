//! Secrets: whether one is set. What it is, [`env`](mod@crate::env) says.
//!
//! A secret is a key that the manifest declares with `type = "secret"` under `[env]`. Of the host's interface
//! `astrid:elicit/host@1.0.0` this is the one function that may be called at any time.
//!
//! ```
//! use astrid_sdk::{prelude::*, secret};
//! # astrid_sdk::testing::Host::new().secret("TOKEN", "s3cr3t").run(|| {
//! assert!(secret::is_set("TOKEN")?);
//! assert!(!secret::is_set("OTHER")?);
//! assert_eq!(env::var("TOKEN").unwrap(), "s3cr3t");
//! # Ok::<(), secret::Error>(())
//! # }).unwrap();
//! ```

use core::fmt;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(not(target_family = "wasm"))]
mod native;

#[cfg(target_family = "wasm")]
use component as backend;
#[cfg(not(target_family = "wasm"))]
use native as backend;

/// Why the host did not do what it was asked: the contract's `error-code`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// It may be asked only while the capsule is installed or upgraded.
    NotInLifecycle,
    /// No answer came in time.
    Timeout,
    /// The question was withdrawn.
    Cancelled,
    /// What was given is no key that the manifest declares as a secret.
    InvalidInput,
    /// The store of secrets cannot be asked.
    StoreUnavailable,
    /// Something the contract has no code for, in the host's words.
    Unknown(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInLifecycle => {
                "this is possible only while the capsule is installed or upgraded"
            }
            Self::Timeout => "no answer came in time",
            Self::Cancelled => "the question was withdrawn",
            Self::InvalidInput => {
                "the key is no secret: declare it under [env] in Capsule.toml with type = \"secret\""
            }
            Self::StoreUnavailable => "the store of secrets cannot be asked",
            Self::Unknown(text) => text,
        })
    }
}

impl std::error::Error for Error {}

/// Whether a secret is set, for the principal on whose behalf the call runs or for all of them.
pub fn is_set(key: &str) -> Result<bool, Error> {
    backend::has_secret(key)
}
