//! Secrets of capsules, for a principal or host-wide: in files that only the home's owner may read, or in the keyring of
//! the operating system.

mod error;
mod files;
#[cfg(feature = "keyring")]
mod keyring;
mod names;

use std::sync::Arc;

use crate::config::SecretsBackend;
use crate::home::Home;
use crate::names::{CapsuleName, PrincipalId};

pub use error::SecretError;
pub use files::FileSecrets;
#[cfg(feature = "keyring")]
pub use keyring::KeyringSecrets;
pub use names::KeysOf;
use names::Names;

/// Where secrets are kept. Calls may block: they are made from the blocking pool.
pub trait SecretStore: Send + Sync + 'static {
    /// The value of a capsule's secret, for a principal or, with `None`, host-wide.
    ///
    /// # Errors
    /// [`SecretError`]; an unset secret is `None`.
    fn get(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<Option<String>, SecretError>;

    /// Sets a capsule's secret.
    ///
    /// # Errors
    /// [`SecretError`].
    fn set(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
        value: &str,
    ) -> Result<(), SecretError>;

    /// Removes a capsule's secret. False if none was set.
    ///
    /// # Errors
    /// [`SecretError`].
    fn remove(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<bool, SecretError>;

    /// The keys of a capsule's secrets for a principal or, with `None`, host-wide; sorted.
    ///
    /// # Errors
    /// [`SecretError`].
    fn keys(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
    ) -> Result<Vec<String>, SecretError>;
}

/// The store that the operator chose.
pub(crate) fn store(home: &Home, backend: SecretsBackend) -> Arc<dyn SecretStore> {
    match backend {
        SecretsBackend::Files => Arc::new(FileSecrets::new(home)),
        #[cfg(feature = "keyring")]
        SecretsBackend::Keyring => Arc::new(KeyringSecrets::new(home)),
        #[cfg(not(feature = "keyring"))]
        SecretsBackend::Keyring => Arc::new(NoKeyring),
    }
}

/// Whose secrets there are under a capsule's name, with their keys, in files and in the keyring.
///
/// # Errors
/// The folder of the secrets cannot be read.
pub(crate) fn kept(home: &Home, capsule: &CapsuleName) -> std::io::Result<Vec<KeysOf>> {
    let mut found = Names::of_files(home).all(capsule)?;
    for more in Names::of_keyring(home).all(capsule)? {
        let known = found
            .iter_mut()
            .find(|known| known.principal == more.principal);
        match known {
            None => found.push(more),
            Some(known) => {
                known.keys.extend(more.keys);
                known.keys.sort();
                known.keys.dedup();
            }
        }
    }
    Ok(found)
}

/// The capsules with secrets for a principal, with the keys of these, in files and in the keyring.
///
/// # Errors
/// The folder of the secrets cannot be read.
pub(crate) fn kept_for(
    home: &Home,
    principal: &PrincipalId,
) -> std::io::Result<Vec<(CapsuleName, Vec<String>)>> {
    let mut found = Names::of_files(home).of_principal(principal)?;
    found.extend(Names::of_keyring(home).of_principal(principal)?);
    Ok(found)
}

/// Stands where the operator chose the keyring in a build without it.
#[cfg(not(feature = "keyring"))]
struct NoKeyring;

#[cfg(not(feature = "keyring"))]
impl SecretStore for NoKeyring {
    fn get(
        &self,
        _principal: Option<&PrincipalId>,
        _capsule: &CapsuleName,
        _key: &str,
    ) -> Result<Option<String>, SecretError> {
        Err(SecretError::NoKeyring)
    }

    fn set(
        &self,
        _principal: Option<&PrincipalId>,
        _capsule: &CapsuleName,
        _key: &str,
        _value: &str,
    ) -> Result<(), SecretError> {
        Err(SecretError::NoKeyring)
    }

    fn remove(
        &self,
        _principal: Option<&PrincipalId>,
        _capsule: &CapsuleName,
        _key: &str,
    ) -> Result<bool, SecretError> {
        Err(SecretError::NoKeyring)
    }

    fn keys(
        &self,
        _principal: Option<&PrincipalId>,
        _capsule: &CapsuleName,
    ) -> Result<Vec<String>, SecretError> {
        Err(SecretError::NoKeyring)
    }
}
