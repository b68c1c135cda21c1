//! Files as this host writes them: whole or not at all, and with one error that says what was tried, and where.
//!
//! `Disk` has the operations by which an installation changes files, and no others. They are together so that a test
//! can let any of them fail, or let the process end at it (`faults`): what an installation leaves behind depends on
//! nothing else. Where files lie is not known here.

mod error;
#[cfg(test)]
pub(crate) mod faults;
mod whole;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

pub use error::FileError;
pub(crate) use whole::{
    identity, make_dir, names, read_regular, read_text, write_new, write_whole,
};

/// The file system, as an installation writes to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    #[cfg(test)]
    pub(crate) faults: faults::Faults,
}

type Done<T = ()> = Result<T, FileError>;

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

    /// Lets two folders change places, in one step. Not every file system can; see [`FileError::is_unsupported`].
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
        job().map_err(FileError::at(doing, path))
    }
}

/// Lets a file or folder survive a power failure; what a unit test writes needn't.
fn sync(file: &File) -> io::Result<()> {
    if cfg!(test) { Ok(()) } else { file.sync_all() }
}
