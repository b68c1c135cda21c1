//! Secrets in files of mode 0600 in `secrets/`, one for each (principal or host-wide, capsule, key).

use super::{Names, SecretError, SecretStore};
use crate::files::{FileError, read_text, write_whole};
use crate::home::Home;
use crate::limits::storage::SECRET_BYTES;
use crate::names::{CapsuleName, PrincipalId};

/// Secrets in the home's `secrets/`.
pub struct FileSecrets {
    names: Names,
    home: Home,
}

impl FileSecrets {
    /// Those of this home.
    pub fn new(home: &Home) -> Self {
        Self {
            names: Names::of_files(home),
            home: home.clone(),
        }
    }
}

impl SecretStore for FileSecrets {
    fn get(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<Option<String>, SecretError> {
        let file = self.names.file(principal, capsule, key)?;
        Ok(read_text(&file, SECRET_BYTES).map_err(FileError::at("read", &file))?)
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
        let file = self.names.file_to_write(principal, capsule, key)?;
        Ok(write_whole(&file, value.as_bytes())?)
    }

    fn remove(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<bool, SecretError> {
        self.names.remove(principal, capsule, key)
    }

    fn keys(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
    ) -> Result<Vec<String>, SecretError> {
        let keys = self.names.keys(principal, capsule);
        Ok(keys.map_err(FileError::at("list", &self.home.secrets_dir()))?)
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
        assert_eq!(store.keys(None, &capsule).expect("keys"), ["TOKEN"]);
        let remove = |principal| store.remove(principal, &capsule, "TOKEN").expect("removed");
        assert_eq!(
            [
                remove(Some(&alice)),
                remove(Some(&alice)),
                remove(Some(&bob))
            ],
            [true, false, false]
        );
        assert_eq!(get(Some(&alice)), None);
        assert_eq!(get(None).as_deref(), Some("everyone"));
    }

    #[test]
    fn a_key_is_never_a_path() {
        let home = Home::ephemeral().expect("a home");
        let store = FileSecrets::new(&home);
        let capsule = CapsuleName::parse("mail").expect("a name");
        for key in ["", "..", "a/b", "a\0", "\u{e9}"] {
            let results = [
                store.get(None, &capsule, key).map(drop),
                store.set(None, &capsule, key, "x"),
                store.remove(None, &capsule, key).map(drop),
            ];
            for result in results {
                assert!(matches!(result, Err(SecretError::InvalidKey(_))), "{key:?}");
            }
        }
    }

    #[test]
    fn what_is_no_file_of_that_size_is_no_secret() {
        let home = Home::ephemeral().expect("a home");
        let store = FileSecrets::new(&home);
        let capsule = CapsuleName::parse("mail").expect("a name");
        store.set(None, &capsule, "TOKEN", "x").expect("set");
        let folder = home.secrets_dir().join("_host/mail");
        let large = vec![b'x'; SECRET_BYTES as usize + 1];
        std::fs::write(folder.join("LARGE"), large).expect("written");
        std::fs::create_dir(folder.join("FOLDER")).expect("made");
        let pipe = folder.join("PIPE");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("made");
        for (key, why) in [
            ("LARGE", "larger than 65536 bytes"),
            ("FOLDER", "no regular file"),
            ("PIPE", "no regular file"),
        ] {
            let error = store.get(None, &capsule, key).expect_err("refused");
            assert!(error.to_string().contains(why), "{error}");
        }
        let error = store.set(None, &capsule, "LONG", &"x".repeat(65_537));
        assert!(matches!(error, Err(SecretError::TooLarge)));
    }
}
