//! Writing a file whole, and the few things that rooms ask of folders.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tempfile::{NamedTempFile, PersistError};

use super::{Disk, FileError};

/// Makes a folder and those above it, readable by us alone; one that is there is left as it is.
///
/// # Errors
/// [`FileError`].
pub(crate) fn make_dir(path: &Path) -> Result<(), FileError> {
    Disk::default().make_dir(path)
}

/// The names in a folder, sorted; none where there is no such folder.
///
/// # Errors
/// What the system said.
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
pub(crate) fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Writes a file whole (a temporary file, synced, renamed), readable by us alone.
///
/// # Errors
/// [`FileError`]; then the file is as it was.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_with(path, bytes, |file| file.persist(path)).map_err(FileError::at("write", path))
}

/// Writes a file whole, unless there is one; false if there is.
///
/// # Errors
/// [`FileError`].
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    match write_with(path, bytes, |file| file.persist_noclobber(path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(FileError::at("write", path)(error)),
    }
}

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
