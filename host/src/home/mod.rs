//! The home directory: where everything of a host lies, who may write it (`trust`), and who holds it (`lock`).
//!
//! Only paths, permissions and locks are known here; what is in the files belongs to the rooms that write them.

pub(crate) mod compiled;
mod error;
mod lock;
mod trust;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::{Disk, FileError, make_dir};
use crate::names::PrincipalId;
use crate::temporary::Temporary;

pub use error::HomeError;
pub use lock::{ExclusiveLock, HomeLock};
pub(crate) use lock::{LOCK_PATIENCE, Patience};
pub(crate) use trust::private;

/// The folders of a home. Whoever may write to one of them could put there what this host believes, runs or writes to.
const FOLDERS: [&str; 11] = [
    "etc",
    "etc/profiles",
    "bin",
    "cache",
    "run",
    "log",
    "secrets",
    "var",
    "capsules",
    "sdk",
    "home",
];

/// A home directory, made if it was missing and found to be trustworthy. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    disk: Disk,
    /// Removes an ephemeral home with its last clone.
    ephemeral: Option<Arc<Temporary>>,
}

impl Home {
    /// Opens the home in `dir`, and makes it first if there is none.
    ///
    /// # Errors
    /// [`HomeError::Untrusted`] if `dir` or a folder in it whose files are trusted isn't ours or may be written
    /// by others; [`HomeError::File`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, HomeError> {
        Self::prepare(dir.as_ref(), None)
    }

    /// The home in `dir` for a command that only reads: nothing is made. Where there is none it is an empty one.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn look(dir: impl AsRef<Path>) -> Result<Self, HomeError> {
        let dir = dir.as_ref();
        let root = match dir.canonicalize() {
            Ok(root) if !root.is_dir() => {
                let error = io::ErrorKind::NotADirectory.into();
                return Err(FileError::at("open", dir)(error).into());
            }
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => dir.to_owned(),
            Err(error) => return Err(FileError::at("resolve", dir)(error).into()),
        };
        for folder in std::iter::once(root.clone()).chain(FOLDERS.map(|folder| root.join(folder))) {
            match trust::check(&folder) {
                Err(HomeError::File(error)) if error.is_not_found() => {}
                trusted => trusted?,
            }
        }
        Ok(Self {
            root,
            disk: Disk::default(),
            ephemeral: None,
        })
    }

    /// A home in a temporary folder, removed with its last clone.
    ///
    /// # Errors
    /// [`HomeError::File`].
    pub fn ephemeral() -> Result<Self, HomeError> {
        Self::ephemeral_in(&std::env::temp_dir())
    }

    pub(crate) fn ephemeral_in(parent: &Path) -> Result<Self, HomeError> {
        let folder = Temporary::new_in(parent)
            .map_err(FileError::at("make a temporary folder in", parent))?;
        let root = folder.path().to_owned();
        Self::prepare(&root, Some(Arc::new(folder)))
    }

    /// Where the home is unless told otherwise: `$ASTRID_HOME`, else `~/.astrid`.
    ///
    /// # Errors
    /// [`HomeError::Unknown`].
    pub fn default_dir() -> Result<PathBuf, HomeError> {
        let set = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        set("ASTRID_HOME")
            .or_else(|| Some(set("HOME")?.join(".astrid")))
            .ok_or(HomeError::Unknown)
    }

    fn prepare(dir: &Path, ephemeral: Option<Arc<Temporary>>) -> Result<Self, HomeError> {
        make_dir(dir)?;
        let root = dir.canonicalize().map_err(FileError::at("resolve", dir))?;
        let home = Self {
            root,
            disk: Disk::default(),
            ephemeral,
        };
        trust::check(&home.root)?;
        for folder in FOLDERS {
            let folder = home.root.join(folder);
            make_dir(&folder)?;
            trust::check(&folder)?;
        }
        make_dir(&home.principal_dir(&PrincipalId::default_principal()))?;
        Ok(home)
    }

    /// The folder itself, resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How installations write to it.
    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The same home, with another way to write to it.
    #[cfg(test)]
    pub(crate) fn with_disk(&self, disk: Disk) -> Self {
        Self {
            disk,
            ..self.clone()
        }
    }

    /// `bin/`: components by their content.
    pub fn binaries_dir(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// `bin/<hash>.wasm`: a component by its content.
    pub fn binary(&self, hash: &str) -> PathBuf {
        self.binaries_dir().join(format!("{hash}.wasm"))
    }

    /// `cache/`: compiled components.
    pub fn cache_dir(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// `etc/cache.key`: the key of what is in `cache/`.
    pub(crate) fn cache_key(&self) -> PathBuf {
        self.root.join("etc/cache.key")
    }

    /// `capsules/`: a folder for each installed capsule.
    pub fn capsules_dir(&self) -> PathBuf {
        self.root.join("capsules")
    }

    /// `etc/profiles/`: a file for each principal that has one.
    pub fn profiles_dir(&self) -> PathBuf {
        self.root.join("etc/profiles")
    }

    /// `etc/env`: values that are set for all principals, a file per capsule.
    pub fn env_dir(&self) -> PathBuf {
        self.root.join("etc/env")
    }

    /// `home/`: a folder for each principal.
    pub fn principals_dir(&self) -> PathBuf {
        self.root.join("home")
    }

    /// `home/<principal>/`.
    pub fn principal_dir(&self, principal: &PrincipalId) -> PathBuf {
        self.principals_dir().join(principal.as_str())
    }

    /// `sdk/`: what copied templates build against.
    pub fn sdk_dir(&self) -> PathBuf {
        self.root.join("sdk")
    }

    /// `run/`: the lock, and what a running host is reached by.
    pub fn run_dir(&self) -> PathBuf {
        self.root.join("run")
    }

    /// `var/kv.redb`: keys and values.
    pub fn kv_file(&self) -> PathBuf {
        self.root.join("var/kv.redb")
    }

    /// Whether it is gone with its last user.
    pub(crate) fn is_ephemeral(&self) -> bool {
        self.ephemeral.is_some()
    }

    /// `secrets/`.
    pub fn secrets_dir(&self) -> PathBuf {
        self.root.join("secrets")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_home_is_made_private_and_opens_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("deep/home");
        let home = Home::open(&path).expect("made");
        assert_eq!(
            std::fs::metadata(home.root()).expect("there").mode() & 0o777,
            0o700
        );
        assert!(Home::open(&path).is_ok());
    }

    #[test]
    fn readers_share_and_a_writer_excludes() {
        let home = Home::ephemeral().expect("a home");
        let first = home.lock_shared().expect("free");
        let second = home.lock_shared().expect("shared");
        drop((first, second));
        let _alone = home.lock_exclusive().expect("free");
        let file = File::open(home.root().join("run/lock")).expect("there");
        assert!(file.try_lock_shared().is_err());
    }
}
