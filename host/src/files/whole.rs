//! Writing a file whole, and the few things that rooms ask of folders.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
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

/// The bytes of a file of at most `most` bytes; none where there is nothing. A link is followed.
///
/// # Errors
/// It is a link to nothing, which is not the same as no file: what it held may have refused something. It is no regular
/// file, which opening or reading might wait for; it is larger; it cannot be read.
pub(crate) fn read_regular(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) if path.symlink_metadata().is_ok() => {
            return Err(invalid("it is a link to nothing".to_owned()));
        }
        Err(Errno::NOENT) => return Ok(None),
        opened => File::from(opened?),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(invalid("it is no regular file".to_owned()));
    }
    let too_large = || invalid(format!("it is larger than {most} bytes"));
    if found.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // It may have grown since.
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large());
    }
    Ok(Some(bytes))
}

/// The same of a file of text.
///
/// # Errors
/// As [`read_regular`], or it is not UTF-8.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<Option<String>> {
    let text = read_regular(path, most)?.map(String::from_utf8).transpose();
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}
