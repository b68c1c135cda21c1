//! What is set for a loaded capsule. Its next call sees it.

use std::sync::Arc;

use super::Host;
use crate::capsule::Capsule;
use crate::env::{Env, EnvError};
use crate::manifest::CapsuleManifest;
use crate::names::PrincipalId;

impl Host {
    /// What is set for capsules.
    pub(crate) fn env(&self) -> &Arc<Env> {
        &self.inner.environment.env
    }

    /// Sets a value of a capsule's `[env]` for a principal or, with `None`, for all that have none of their own. A key of
    /// the type `array` takes any number of values, every other one.
    ///
    /// # Errors
    /// [`EnvError`], above all for a key that is not declared, or is a secret, and for a value that does not fit its type.
    pub async fn set_env(
        &self,
        capsule: &Capsule,
        principal: Option<&PrincipalId>,
        key: &str,
        values: &[&str],
    ) -> Result<(), EnvError> {
        let (key, values) = (key.to_owned(), values.iter().copied().map(str::to_owned));
        let values: Vec<_> = values.collect();
        let set = move |env: &Env, principal: Option<&PrincipalId>, manifest: &_| {
            env.set(principal, manifest, &key, &values)
        };
        self.change_env(capsule, principal, set).await
    }

    /// Removes a value of a capsule. False if there was none.
    ///
    /// # Errors
    /// As [`Self::set_env`].
    pub async fn unset_env(
        &self,
        capsule: &Capsule,
        principal: Option<&PrincipalId>,
        key: &str,
    ) -> Result<bool, EnvError> {
        let key = key.to_owned();
        let unset = move |env: &Env, principal: Option<&PrincipalId>, manifest: &_| {
            env.unset(principal, CapsuleManifest::name(manifest), &key)
        };
        self.change_env(capsule, principal, unset).await
    }

    /// Sets a secret of a capsule for a principal or, with `None`, for all that have none of their own.
    ///
    /// # Errors
    /// As [`Self::set_env`]; a key of another type than `secret` is refused.
    pub async fn set_secret(
        &self,
        capsule: &Capsule,
        principal: Option<&PrincipalId>,
        key: &str,
        value: &str,
    ) -> Result<(), EnvError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        let set = move |env: &Env, principal: Option<&PrincipalId>, manifest: &_| {
            env.set_secret(principal, manifest, &key, &value)
        };
        self.change_env(capsule, principal, set).await
    }

    /// Removes a secret of a capsule. False if there was none.
    ///
    /// # Errors
    /// As [`Self::set_env`].
    pub async fn unset_secret(
        &self,
        capsule: &Capsule,
        principal: Option<&PrincipalId>,
        key: &str,
    ) -> Result<bool, EnvError> {
        let key = key.to_owned();
        let unset = move |env: &Env, principal: Option<&PrincipalId>, manifest: &_| {
            env.unset_secret(principal, CapsuleManifest::name(manifest), &key)
        };
        self.change_env(capsule, principal, unset).await
    }

    async fn change_env<T: Send + 'static>(
        &self,
        capsule: &Capsule,
        principal: Option<&PrincipalId>,
        change: impl FnOnce(&Env, Option<&PrincipalId>, &CapsuleManifest) -> Result<T, EnvError>
        + Send
        + 'static,
    ) -> Result<T, EnvError> {
        let environment = Arc::clone(&self.inner.environment);
        let (principal, manifest) = (principal.cloned(), capsule.manifest().clone());
        let change = self.on_disk(move || {
            let done = change(&environment.env, principal.as_ref(), &manifest)?;
            environment.principals.forget(principal.as_ref());
            Ok(done)
        });
        let changed = change.await;
        changed.unwrap_or_else(|error| Err(EnvError::Interrupted(error.to_string())))
    }
}
