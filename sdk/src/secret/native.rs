//! The function behind [`secret`](crate::secret) on a host in memory, and what a test says of it.

use std::collections::BTreeSet;

use super::Error;
use crate::testing::{
    Host,
    state::{self, PackageState},
};

/// What this package keeps: the keys that are set, and whether they can be asked for.
#[derive(Debug, Default)]
struct Secrets {
    set: BTreeSet<String>,
    are_unavailable: bool,
}

impl PackageState for Secrets {}

impl Host {
    /// Sets a secret, a key of `[env]` whose type is `secret`: [`env`](mod@crate::env) has its value, and
    /// [`secret::is_set`](crate::secret::is_set) says so.
    pub fn secret(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        let host = self.env(key.clone(), value);
        host.set(|secrets: &mut Secrets| {
            secrets.set.insert(key);
        })
    }

    /// Lets the store of secrets be out of reach for [`secret::is_set`](crate::secret::is_set).
    pub fn secrets_unavailable(self) -> Self {
        self.set(|secrets: &mut Secrets| secrets.are_unavailable = true)
    }
}

pub fn has_secret(key: &str) -> Result<bool, Error> {
    state::with(|_, secrets: &mut Secrets| {
        if secrets.are_unavailable {
            return Err(Error::StoreUnavailable);
        }
        Ok(secrets.set.contains(key))
    })
}
