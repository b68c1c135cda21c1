//! Open files, and what is told of files and folders.

use std::io::Write;
use std::sync::Arc;

use cap_fs_ext::{FollowSymlinks, MetadataExt, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::FileExt;
use cap_std::fs::{Dir, File, FileType, Metadata, OpenOptions};
use std::path::Path;

use super::{FsError, Space};
use crate::limits::fs::AT_BYTES;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenMode {
    /// To be read; it must be there.
    Read,
    /// To be written; it is made, or emptied.
    Write,
    /// To be written at its end; it is made if it is not there.
    Append,
    /// To be read and written; it is made if it is not there.
    ReadWrite,
}

impl OpenMode {
    /// Whether it is read.
    pub(crate) const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    /// Whether it is written.
    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::Read)
    }
}

/// What is told of a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Bytes.
    pub(crate) size: u64,
    /// What it is.
    pub(crate) kind: FileType,
    /// Its permissions.
    pub(crate) mode: u32,
    /// When it was changed, made and read last, where the system knows.
    pub(crate) modified: Option<std::time::SystemTime>,
    pub(crate) created: Option<std::time::SystemTime>,
    pub(crate) accessed: Option<std::time::SystemTime>,
}

impl Stat {
    pub(super) fn of(found: &Metadata) -> Self {
        use cap_std::fs::MetadataExt as _;
        let time = |time: std::io::Result<cap_std::time::SystemTime>| Some(time.ok()?.into_std());
        Self {
            size: found.len(),
            kind: found.file_type(),
            mode: found.mode() & 0o7777,
            modified: time(found.modified()),
            created: time(found.created()),
            accessed: time(found.accessed()),
        }
    }
}

/// A regular file that is open. Every handle of a guest has one.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    mode: OpenMode,
    space: Option<Arc<Space>>,
}

/// Opens a regular file without waiting and without emptying it.
///
/// # Errors
/// [`FsError::IsDirectory`]; [`FsError::Access`] for what is neither a file nor a folder.
pub(super) fn open_regular(
    dir: &Dir,
    path: &Path,
    mode: OpenMode,
    follow: bool,
) -> Result<(File, Metadata), FsError> {
    let mut options = OpenOptions::new();
    options.nonblock(true);
    if !follow {
        options.follow(FollowSymlinks::No);
    }
    match mode {
        OpenMode::Read => options.read(true),
        OpenMode::Write => options.write(true).create(true),
        OpenMode::Append => options.append(true).create(true),
        OpenMode::ReadWrite => options.read(true).write(true).create(true),
    };
    let file = dir.open_with(path, &options)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(FsError::IsDirectory);
    }
    if !found.is_file() {
        return Err(FsError::Access);
    }
    Ok((file, found))
}

/// Refuses to write a file in place that has a second name, under which others may know it.
pub(super) fn has_one_name(found: &Metadata) -> Result<(), FsError> {
    match found.nlink() {
        0 | 1 => Ok(()),
        _ => Err(FsError::Access),
    }
}

impl OpenFile {
    pub(super) fn open(
        dir: &Dir,
        path: &Path,
        mode: OpenMode,
        space: Option<Arc<Space>>,
    ) -> Result<Self, FsError> {
        let (file, found) = open_regular(dir, path, mode, true)?;
        if mode.writes() {
            has_one_name(&found)?;
        }
        if mode == OpenMode::Write && found.len() > 0 {
            file.set_len(0)?;
            if let Some(space) = &space {
                space.give_back(found.len());
            }
        }
        Ok(Self { file, mode, space })
    }

    /// At most a mebibyte of the file.
    pub(crate) fn read_at(&self, offset: u64, most: usize) -> Result<Vec<u8>, FsError> {
        if !self.mode.reads() {
            return Err(FsError::Access);
        }
        // Room for what there is, not for what was asked.
        let left = self.file.metadata()?.len().saturating_sub(offset);
        let most = most
            .min(AT_BYTES)
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut bytes = vec![0; most];
        let mut filled = 0;
        while filled < most {
            match self
                .file
                .read_at(&mut bytes[filled..], offset + filled as u64)
            {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Writes all of it; a file that is open for appending gets it at its end.
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), FsError> {
        if !self.mode.writes() {
            return Err(FsError::Access);
        }
        if bytes.len() > AT_BYTES {
            return Err(FsError::TooLarge);
        }
        let found = self.file.metadata()?;
        has_one_name(&found)?;
        let begin = if self.mode == OpenMode::Append {
            found.len()
        } else {
            offset
        };
        let end = begin
            .checked_add(bytes.len() as u64)
            .filter(|end| i64::try_from(*end).is_ok())
            .ok_or(FsError::TooLarge)?;
        let taken = self.take(end.saturating_sub(found.len()))?;
        let written = if self.mode == OpenMode::Append {
            (&self.file).write_all(bytes)
        } else {
            self.file.write_all_at(bytes, offset)
        };
        self.settle(written, taken, found.len())
    }

    /// Cuts the file, or makes it larger with zeroes.
    pub(crate) fn set_len(&self, size: u64) -> Result<(), FsError> {
        if !self.mode.writes() {
            return Err(FsError::Access);
        }
        if i64::try_from(size).is_err() {
            return Err(FsError::TooLarge);
        }
        let found = self.file.metadata()?;
        has_one_name(&found)?;
        let taken = self.take(size.saturating_sub(found.len()))?;
        let done = self.file.set_len(size);
        if done.is_ok()
            && let Some(space) = &self.space
        {
            space.give_back(found.len().saturating_sub(size));
        }
        self.settle(done, taken, found.len())
    }

    fn take(&self, more: u64) -> Result<u64, FsError> {
        match &self.space {
            Some(space) => space.take(more).map(|()| more),
            None => Ok(0),
        }
    }

    /// What failed may have grown the file in part: that much is used.
    fn settle(&self, done: std::io::Result<()>, taken: u64, before: u64) -> Result<(), FsError> {
        let Err(error) = done else {
            return Ok(());
        };
        if let Some(space) = &self.space {
            let now = self.file.metadata().map_or(before, |found| found.len());
            space.give_back(taken.saturating_sub(now.saturating_sub(before)));
        }
        Err(error.into())
    }

    /// Syncs what was written, without or with what is told of the file.
    pub(crate) fn sync(&self, all: bool) -> Result<(), FsError> {
        if all {
            self.file.sync_all()?;
        } else {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// What is told of the file.
    pub(crate) fn stat(&self) -> Result<Stat, FsError> {
        Ok(Stat::of(&self.file.metadata()?))
    }
}
