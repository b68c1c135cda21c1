//! Secrets: files of mode 0600 in `secrets/`, one for each (principal or host-wide, capsule, key).

use std::io;
use std::path::{Path, PathBuf};

use crate::files::{FileError, make_dir, names, write_whole};
use crate::home::Home;
use crate::limits::storage::SECRET_BYTES;
use crate::names::{CapsuleName, PrincipalId};

/// The folder of secrets that belong to no principal; no principal's name begins so.
const HOST_WIDE: &str = "_host";

/// Why a secret can't be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The key can't be the name of a secret.
    #[error(
        "{0:?} is no key of a secret: up to 128 of letters, digits, _, - and ., not beginning with ."
    )]
    InvalidKey(String),
    /// The value is larger than a secret may be.
    #[error("a secret of more than {SECRET_BYTES} bytes")]
    TooLarge,
    /// The store can't be read or written.
    #[error("the secret store can't be used: {0}")]
    Unavailable(#[from] io::Error),
    /// Its folder can't be made or written.
    #[error(transparent)]
    File(#[from] FileError),
}

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
}

/// Secrets in the home's `secrets/`.
pub struct FileSecrets {
    root: PathBuf,
}

impl FileSecrets {
    /// Those of this home.
    pub fn new(home: &Home) -> Self {
        Self {
            root: home.secrets_dir(),
        }
    }

    fn folder(&self, principal: Option<&PrincipalId>, capsule: &CapsuleName) -> PathBuf {
        self.root
            .join(principal.map_or(HOST_WIDE, PrincipalId::as_str))
            .join(capsule.as_str())
    }

    /// The keys of a capsule's secrets, sorted, by principal; with `None`, those for every principal. Folders of the
    /// store that no principal can have are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn keys(
        &self,
        capsule: &CapsuleName,
    ) -> io::Result<Vec<(Option<PrincipalId>, Vec<String>)>> {
        let mut found = Vec::new();
        for folder in names(&self.root)? {
            let principal = match folder.as_str() {
                HOST_WIDE => None,
                name => match name.parse() {
                    Ok(principal) => Some(principal),
                    Err(_) => continue,
                },
            };
            let mut keys = names(&self.folder(principal.as_ref(), capsule))?;
            keys.retain(|key| checked(key).is_ok());
            if !keys.is_empty() {
                found.push((principal, keys));
            }
        }
        Ok(found)
    }
}

fn checked(key: &str) -> Result<&Path, SecretError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if !key.is_empty() && !key.starts_with('.') && key.len() <= 128 && key.bytes().all(known) {
        Ok(Path::new(key))
    } else {
        Err(SecretError::InvalidKey(key.chars().take(128).collect()))
    }
}

impl SecretStore for FileSecrets {
    fn get(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<Option<String>, SecretError> {
        let path = self.folder(principal, capsule).join(checked(key)?);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(found) if found.len() > SECRET_BYTES => return Err(SecretError::TooLarge),
            Ok(_) => {}
        }
        Ok(Some(std::fs::read_to_string(path)?))
    }

    fn set(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
        value: &str,
    ) -> Result<(), SecretError> {
        if value.len() as u64 > SECRET_BYTES {
            return Err(SecretError::TooLarge);
        }
        let key = checked(key)?;
        let folder = self.folder(principal, capsule);
        make_dir(&folder)?;
        Ok(write_whole(&folder.join(key), value.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_apart_by_principal_and_capsule() {
        let home = Home::ephemeral().expect("a home");
        let store = FileSecrets::new(&home);
        let (alice, bob) = (
            "alice".parse().expect("a name"),
            "bob".parse().expect("a name"),
        );
        let capsule = CapsuleName::parse("mail").expect("a name");
        store
            .set(Some(&alice), &capsule, "TOKEN", "a")
            .expect("set");
        store.set(None, &capsule, "TOKEN", "everyone").expect("set");
        let get = |principal| store.get(principal, &capsule, "TOKEN").expect("read");
        assert_eq!(get(Some(&alice)).as_deref(), Some("a"));
        assert_eq!(get(Some(&bob)), None);
        assert_eq!(get(None).as_deref(), Some("everyone"));
    }

    #[test]
    fn a_key_is_never_a_path() {
        let home = Home::ephemeral().expect("a home");
        let store = FileSecrets::new(&home);
        let capsule = CapsuleName::parse("mail").expect("a name");
        for key in ["", "..", "a/b", "a\0", "\u{e9}"] {
            assert!(
                matches!(
                    store.get(None, &capsule, key),
                    Err(SecretError::InvalidKey(_))
                ),
                "{key:?}"
            );
        }
    }
}
