//! The home directory: where everything of a host lies, who may write it, and who holds it.
//!
//! Only paths, permissions and locks are known here; what is in the files belongs to the rooms that write them.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::{NamedTempFile, PersistError};

use crate::disk::{Disk, DiskError};
use crate::engine::{CacheKey, CompileCache};
use crate::kind::ErrorKind;
use crate::names::PrincipalId;
use crate::temporary::Temporary;

mod lock;

pub use lock::{ExclusiveLock, HomeLock};
pub(crate) use lock::{LOCK_PATIENCE, LOCK_POLL};

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
/// Why a home can't be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither `--home`, `$ASTRID_HOME` nor `$HOME` says where it is.
    #[error("no home directory: neither $ASTRID_HOME nor $HOME is set")]
    Unknown,
    /// Somebody else could put files there that this host would trust.
    #[error("{path} can't be trusted: {why}")]
    Untrusted {
        /// The folder.
        path: PathBuf,
        /// Whose it is, or who may write it.
        why: String,
    },
    /// Another process holds the home and didn't let go of it.
    #[error("the home {path} is in use: {} held it for longer than {LOCK_PATIENCE:?}", process(*.pid))]
    Busy {
        /// The home.
        path: PathBuf,
        /// The process that holds it, where the system tells.
        pid: Option<u32>,
    },
    /// A file or folder of the home can't be made, read or written.
    #[error("can't {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The process that holds a home, for people.
fn process(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another astrid process".into(),
    }
}

impl From<DiskError> for HomeError {
    fn from(error: DiskError) -> Self {
        let DiskError {
            doing,
            path,
            source,
        } = error;
        Self::Io {
            doing,
            path,
            source,
        }
    }
}

impl HomeError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Untrusted { .. } => ErrorKind::Policy,
            Self::Unknown | Self::Busy { .. } | Self::Io { .. } => ErrorKind::Home,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown => "pass --home DIR or set ASTRID_HOME".into(),
            Self::Untrusted { path, .. } => {
                format!(
                    "make it yours alone (chown, chmod go-rwx {}) or choose another --home",
                    path.display()
                )
            }
            Self::Busy { pid: None, .. } => "wait for it to end, or use another --home".into(),
            Self::Busy { pid: Some(pid), .. } => {
                format!("wait for it to end, end it (kill {pid}), or use another --home")
            }
            Self::Io { path, source, .. } => io_hint(path, source),
        }
    }
}

/// The hint for an I/O error on a file or folder. Public, so that what the command itself reads and writes fails in the
/// same words.
pub fn io_hint(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("check that {path} is there"),
        io::ErrorKind::PermissionDenied => {
            format!("check that {path} is yours, and may be read and written")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            format!("{path}, or a part of that path, is a file: move it, or choose another place")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("free some space on the disk of {path}")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("{path} is on a disk that can't be written: choose another place")
        }
        _ => format!("check that {path} can be read and written"),
    }
}

/// A home directory, made if it was missing and found to be trustworthy. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    disk: Disk,
    /// Removes an ephemeral home with its last clone.
    _ephemeral: Option<Arc<Temporary>>,
}

impl Home {
    /// Opens the home in `dir`, and makes it first if there is none.
    ///
    /// # Errors
    /// [`HomeError::Untrusted`] if `dir` or a folder in it whose files are trusted isn't ours or may be written
    /// by others; [`HomeError::Io`].
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
                return Err(io_error("open", dir)(io::ErrorKind::NotADirectory.into()));
            }
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => dir.to_owned(),
            Err(error) => return Err(io_error("resolve", dir)(error)),
        };
        for folder in std::iter::once(root.clone()).chain(FOLDERS.map(|folder| root.join(folder))) {
            match check_trust(&folder) {
                Err(HomeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                trusted => trusted?,
            }
        }
        Ok(Self {
            root,
            disk: Disk::default(),
            _ephemeral: None,
        })
    }

    /// A home in a temporary folder, removed with its last clone.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn ephemeral() -> Result<Self, HomeError> {
        Self::ephemeral_in(&std::env::temp_dir())
    }

    pub(crate) fn ephemeral_in(parent: &Path) -> Result<Self, HomeError> {
        let folder =
            Temporary::new_in(parent).map_err(io_error("make a temporary folder in", parent))?;
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
        let root = dir.canonicalize().map_err(io_error("resolve", dir))?;
        let home = Self {
            root,
            disk: Disk::default(),
            _ephemeral: ephemeral,
        };
        check_trust(&home.root)?;
        for folder in FOLDERS {
            let folder = home.root.join(folder);
            make_dir(&folder)?;
            check_trust(&folder)?;
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

    /// The compiled code of a component in `cache/`, whichever engine made it.
    pub(crate) fn compiled(&self, hash: &str) -> Vec<PathBuf> {
        CompileCache::entries(&self.cache_dir(), hash)
    }

    /// What is in `cache/` of compiled code that was never written to its end.
    pub(crate) fn compiled_in_part(&self) -> Vec<PathBuf> {
        CompileCache::unfinished(&self.cache_dir())
    }

    /// `capsules/`: a folder for each installed capsule.
    pub fn capsules_dir(&self) -> PathBuf {
        self.root.join("capsules")
    }

    /// `etc/profiles/`: a file for each principal that has one.
    pub fn profiles_dir(&self) -> PathBuf {
        self.root.join("etc/profiles")
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

    /// `secrets/`.
    pub fn secrets_dir(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// The key of the compiled cache, `etc/cache.key`; made at its first use.
    ///
    /// # Errors
    /// [`HomeError::Io`]; [`HomeError::Untrusted`] if others may read it.
    pub fn cache_key(&self) -> Result<CacheKey, HomeError> {
        let path = self.root.join("etc/cache.key");
        if let Some(key) = read_key(&path)? {
            return Ok(key);
        }
        let mut key = [0; blake3::KEY_LEN];
        getrandom::fill(&mut key).map_err(|error| HomeError::Io {
            doing: "make a key for",
            path: path.clone(),
            source: io::Error::other(error.to_string()),
        })?;
        let written = write_with(&path, &key, |file| file.persist_noclobber(&path));
        match written {
            Ok(()) => Ok(CacheKey::new(key)),
            // Another process made one meanwhile: theirs is the key.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read_key(&path)? {
                Some(key) => Ok(key),
                None => {
                    write_private(&path, &key)?;
                    Ok(CacheKey::new(key))
                }
            },
            Err(source) => Err(io_error("write", &path)(source)),
        }
    }
}

/// The key in a file. None if there is no file, or none of the right length, which only comes from damage: a new
/// key makes old entries misses.
fn read_key(path: &Path) -> Result<Option<CacheKey>, HomeError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    let found = std::fs::metadata(path).map_err(io_error("look at", path))?;
    if found.mode() & 0o077 != 0 {
        return Err(HomeError::Untrusted {
            path: path.to_owned(),
            why: format!("its mode is {:o}, not 600", found.mode() & 0o777),
        });
    }
    Ok(bytes.try_into().ok().map(CacheKey::new))
}

/// Makes a folder and those above it, readable by us alone; one that is there is left as it is.
pub(crate) fn make_dir(path: &Path) -> Result<(), HomeError> {
    Ok(Disk::default().make_dir(path)?)
}

/// The names in a folder, sorted; none where there is no such folder.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// What tells a file or folder from another one that took its name: device and inode.
pub(crate) fn identity(found: &std::fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Writes a file whole (a temporary file, synced, renamed), readable by us alone.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    write_with(path, bytes, |file| file.persist(path)).map_err(io_error("write", path))
}

/// Writes a file whole, which is put in its place by `persist`.
fn write_with(
    path: &Path,
    bytes: &[u8],
    persist: impl FnOnce(NamedTempFile) -> Result<File, PersistError>,
) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    persist(file)?;
    File::open(folder)?.sync_all()
}

pub(crate) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HomeError {
    let path = path.to_owned();
    move |source| HomeError::Io {
        doing,
        path,
        source,
    }
}

fn check_trust(path: &Path) -> Result<(), HomeError> {
    let found = std::fs::metadata(path).map_err(io_error("look at", path))?;
    match distrust(
        found.is_dir(),
        found.uid(),
        found.mode(),
        rustix::process::geteuid().as_raw(),
    ) {
        None => Ok(()),
        Some(why) => Err(HomeError::Untrusted {
            path: path.to_owned(),
            why,
        }),
    }
}

/// Why a folder with this owner and mode can't be trusted by the user `us`.
fn distrust(is_dir: bool, owner: u32, mode: u32, us: u32) -> Option<String> {
    if !is_dir {
        Some("it is no folder".into())
    } else if owner != us {
        Some(format!("it belongs to user {owner}, and this is user {us}"))
    } else if mode & 0o022 != 0 {
        Some(format!("others may write to it (mode {:o})", mode & 0o777))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_folders_that_nobody_else_writes_are_trusted() {
        assert_eq!(distrust(true, 7, 0o40700, 7), None);
        assert_eq!(distrust(true, 7, 0o40755, 7), None);
        for mode in [0o40775, 0o40757, 0o41777, 0o40722] {
            assert!(distrust(true, 7, mode, 7).is_some(), "{mode:o}");
        }
        assert!(distrust(true, 8, 0o40700, 7).is_some());
        assert!(distrust(false, 7, 0o100_600, 7).is_some());
    }

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
    fn a_folder_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::open(dir.path()).expect("made");
        let folders = [
            "",
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
        for folder in folders {
            let path = home.root().join(folder);
            for mode in [0o770, 0o707, 0o1777, 0o720, 0o702] {
                let set = |mode| {
                    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode))
                        .expect("changed");
                };
                set(mode);
                match Home::open(dir.path()) {
                    Err(HomeError::Untrusted { path: found, why }) => {
                        let said = format!("mode {:o}", mode & 0o777);
                        assert_eq!((found, why.contains(&said)), (path.clone(), true), "{why}");
                    }
                    other => panic!("{folder} with {mode:o}: {other:?}"),
                }
                set(0o755);
                assert!(Home::open(dir.path()).is_ok(), "{folder}");
            }
        }
    }

    #[test]
    fn a_link_to_a_folder_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        let home = Home::open(dir.path()).expect("made");
        std::fs::remove_dir(home.cache_dir()).expect("removed");
        std::os::unix::fs::symlink(elsewhere.path(), home.cache_dir()).expect("linked");
        assert!(Home::open(dir.path()).is_ok(), "it is ours alone");
        std::fs::set_permissions(elsewhere.path(), PermissionsExt::from_mode(0o777))
            .expect("changed");
        let refused = Home::open(dir.path());
        assert!(matches!(refused, Err(HomeError::Untrusted { .. })));
    }

    #[test]
    fn the_cache_key_is_ours_and_stays() {
        let home = Home::ephemeral().expect("a home");
        let path = home.root().join("etc/cache.key");
        let key = || {
            home.cache_key()
                .map(|_| std::fs::read(&path).expect("there"))
        };
        let first = key().expect("made");
        assert_eq!(first.len(), blake3::KEY_LEN);
        assert_eq!(key().expect("kept"), first);
        assert_eq!(
            std::fs::metadata(&path).expect("there").mode() & 0o777,
            0o600
        );
        std::fs::write(&path, b"short").expect("written");
        let second = key().expect("made anew");
        assert!(second.len() == blake3::KEY_LEN && second != first);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("changed");
        assert!(matches!(home.cache_key(), Err(HomeError::Untrusted { .. })));
    }

    #[test]
    fn all_who_make_a_cache_key_at_once_get_the_same() {
        let home = Home::ephemeral().expect("a home");
        let barrier = std::sync::Barrier::new(8);
        let keys: Vec<_> = std::thread::scope(|scope| {
            let made = || {
                barrier.wait();
                home.cache_key().expect("made")
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(made)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("ended"))
                .collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
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
