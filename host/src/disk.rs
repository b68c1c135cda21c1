//! The operations by which an installation changes files, and no others.
//!
//! Each says what it did and where if it fails. They are in one room so that a test can let any of them fail, or
//! let the process end at it (`faults`): what an installation leaves behind depends on nothing else. Reading is not
//! in here, and neither is what belongs to one principal or to one capsule's log.

#[cfg(test)]
pub(crate) mod faults;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// An operation that failed.
#[derive(Debug)]
pub(crate) struct DiskError {
    pub(crate) doing: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl DiskError {
    /// Whether this file system has no such operation at all.
    pub(crate) fn is_unsupported(&self) -> bool {
        use rustix::io::Errno;
        [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP]
            .iter()
            .any(|errno| self.source.raw_os_error() == Some(errno.raw_os_error()))
    }
}

/// The file system, as an installation writes to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    #[cfg(test)]
    pub(crate) faults: faults::Faults,
}

type Done<T = ()> = Result<T, DiskError>;

impl Disk {
    /// Makes a folder and those above it, readable by us alone; one that is there is left as it is.
    pub(crate) fn make_dir(&self, path: &Path) -> Done {
        self.step("make", path, || {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
        })
    }

    /// Writes a new file that nobody else may read, and syncs it.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Done {
        self.step("write", path, || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(bytes)?;
            sync(&file)
        })
    }

    /// Copies a file, and syncs the copy.
    pub(crate) fn copy(&self, from: &Path, to: &Path) -> Done {
        self.step("copy something to", to, || {
            fs::copy(from, to)?;
            sync(&File::open(to)?)
        })
    }

    /// Gives a file or folder another name; a file of that name is replaced.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Done {
        self.step("rename something to", to, || fs::rename(from, to))
    }

    /// Lets two folders change places, in one step. Not every file system can; see [`DiskError::is_unsupported`].
    pub(crate) fn exchange(&self, one: &Path, other: &Path) -> Done {
        self.step("exchange", other, || {
            Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
        })
    }

    /// Removes a file.
    pub(crate) fn remove_file(&self, path: &Path) -> Done {
        self.step("remove", path, || fs::remove_file(path))
    }

    /// Removes a folder with all that is in it.
    pub(crate) fn remove_dir(&self, path: &Path) -> Done {
        self.step("remove", path, || fs::remove_dir_all(path))
    }

    /// Lets the names in a folder survive a power failure.
    pub(crate) fn sync_dir(&self, path: &Path) -> Done {
        self.step("sync", path, || sync(&File::open(path)?))
    }

    fn step<T>(
        &self,
        doing: &'static str,
        path: &Path,
        job: impl FnOnce() -> io::Result<T>,
    ) -> Done<T> {
        #[cfg(test)]
        let job = || self.faults.before(doing, path).and_then(|()| job());
        job().map_err(|source| DiskError {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}

/// Lets a file or folder survive a power failure; what a unit test writes needn't.
fn sync(file: &File) -> io::Result<()> {
    if cfg!(test) { Ok(()) } else { file.sync_all() }
}
