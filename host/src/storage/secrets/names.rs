//! The names of the secrets that there are: `<folder>/<principal>/<capsule>/<KEY>`.

use std::io;
use std::path::PathBuf;

use super::SecretError;
use crate::files::{FileError, make_dir, names};
use crate::home::Home;
use crate::names::{CapsuleName, PrincipalId};

/// The folder of secrets that belong to no principal; no principal's name begins so.
const HOST_WIDE: &str = "_host";
/// The folder of the names of what is in the keyring.
const KEYRING: &str = "_keyring";

/// The keys of a capsule that are set for a principal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeysOf {
    /// Whose they are; none if they are host-wide.
    pub principal: Option<PrincipalId>,
    /// The keys, sorted.
    pub keys: Vec<String>,
}

/// A folder with a file for each secret.
pub(super) struct Names {
    root: PathBuf,
}

impl Names {
    /// The files that hold secrets.
    pub(super) fn of_files(home: &Home) -> Self {
        Self {
            root: home.secrets_dir(),
        }
    }

    /// Empty files, which tell what is in the keyring: a keyring cannot be asked for all that it has.
    pub(super) fn of_keyring(home: &Home) -> Self {
        Self {
            root: home.secrets_dir().join(KEYRING),
        }
    }

    fn folder(&self, principal: Option<&PrincipalId>, capsule: &CapsuleName) -> PathBuf {
        self.root
            .join(principal.map_or(HOST_WIDE, PrincipalId::as_str))
            .join(capsule.as_str())
    }

    /// The file of a secret.
    pub(super) fn file(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<PathBuf, SecretError> {
        checked(key)?;
        Ok(self.folder(principal, capsule).join(key))
    }

    /// The same, in a folder that is there.
    pub(super) fn file_to_write(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<PathBuf, SecretError> {
        let file = self.file(principal, capsule, key)?;
        make_dir(&self.folder(principal, capsule))?;
        Ok(file)
    }

    /// Removes the file of a secret. False if there is none.
    pub(super) fn remove(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<bool, SecretError> {
        let file = self.file(principal, capsule, key)?;
        match std::fs::remove_file(&file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(FileError::at("remove", &file)(error).into()),
        }
    }

    /// The keys of a capsule's secrets for a principal or, with `None`, host-wide; sorted.
    pub(super) fn keys(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
    ) -> io::Result<Vec<String>> {
        let mut keys = names(&self.folder(principal, capsule))?;
        keys.retain(|key| checked(key).is_ok());
        Ok(keys)
    }

    /// The capsules with secrets for a principal, with the keys of these.
    pub(super) fn of_principal(
        &self,
        principal: &PrincipalId,
    ) -> io::Result<Vec<(CapsuleName, Vec<String>)>> {
        let mut found = Vec::new();
        for folder in names(&self.root.join(principal.as_str()))? {
            let Ok(capsule) = CapsuleName::parse(&folder) else {
                continue;
            };
            let keys = self.keys(Some(principal), &capsule)?;
            if !keys.is_empty() {
                found.push((capsule, keys));
            }
        }
        Ok(found)
    }

    /// The keys of a capsule's secrets by principal. Folders that no principal can have are left out.
    pub(super) fn all(&self, capsule: &CapsuleName) -> io::Result<Vec<KeysOf>> {
        let mut found = Vec::new();
        for folder in names(&self.root)? {
            let principal = match folder.as_str() {
                HOST_WIDE => None,
                name => match name.parse() {
                    Ok(principal) => Some(principal),
                    Err(_) => continue,
                },
            };
            let keys = self.keys(principal.as_ref(), capsule)?;
            if !keys.is_empty() {
                found.push(KeysOf { principal, keys });
            }
        }
        Ok(found)
    }
}

fn checked(key: &str) -> Result<(), SecretError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if !key.is_empty() && !key.starts_with('.') && key.len() <= 128 && key.bytes().all(known) {
        Ok(())
    } else {
        Err(SecretError::InvalidKey(key.chars().take(128).collect()))
    }
}
