//! Files that are written whole, or not at all.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::{Dir, File, Metadata};
use cap_tempfile::TempFile;

use super::{FsError, Space};

/// Where a file is to be: in a folder that is open, so that what is made beside it can take its place.
pub(super) struct Destination {
    folder: Dir,
    name: PathBuf,
    /// What is there now.
    before: Option<Metadata>,
}

impl Destination {
    /// Finds the place of a file. A link is followed, and its target replaced.
    pub(super) fn find(dir: &Dir, path: &Path) -> Result<Self, FsError> {
        let mut path = path.to_owned();
        let found = dir.symlink_metadata(&path);
        let before = match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
            Ok(found) if found.is_symlink() => {
                path = dir.canonicalize(&path)?;
                Some(dir.symlink_metadata(&path)?)
            }
            Ok(found) => Some(found),
        };
        match &before {
            Some(found) if found.is_dir() => return Err(FsError::IsDirectory),
            Some(found) if !found.is_file() => return Err(FsError::Access),
            _ => {}
        }
        let name = path.file_name().map(OsStr::to_owned);
        let name = name.ok_or(FsError::IsDirectory)?;
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => dir.open_dir(parent)?,
            _ => dir.try_clone()?,
        };
        Ok(Self {
            folder,
            name: name.into(),
            before,
        })
    }

    /// Fills a file beside it, and puts that in its place.
    pub(super) fn replace(
        &self,
        size: u64,
        space: Option<&Arc<Space>>,
        fill: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), FsError> {
        if let Some(space) = space {
            space.take(size)?;
        }
        let replaced = self.fill(fill);
        if let Some(space) = space {
            space.give_back(match replaced {
                Ok(()) => self.before.as_ref().map_or(0, Metadata::len),
                Err(_) => size,
            });
        }
        Ok(replaced?)
    }

    fn fill(&self, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let mut file = TempFile::new(&self.folder)?;
        fill(file.as_file_mut())?;
        if let Some(before) = &self.before {
            file.as_file().set_permissions(before.permissions())?;
        }
        file.replace(&self.name)
    }
}

/// Writes bytes.
pub(super) fn bytes(bytes: &[u8]) -> impl FnOnce(&mut File) -> io::Result<()> + '_ {
    move |file| file.write_all(bytes)
}

/// Copies a file of a size; one that has grown since is copied up to that size.
pub(super) fn copy(from: &File, size: u64) -> impl FnOnce(&mut File) -> io::Result<()> + '_ {
    move |file| io::copy(&mut from.take(size), file).map(drop)
}
