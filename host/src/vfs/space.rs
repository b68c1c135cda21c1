//! How many bytes of files a principal has, and may have.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::FsError;

/// The bytes of a principal's files, of all capsules. They are counted when the first of them is made or changed.
#[derive(Debug)]
pub(crate) struct Space {
    folders: Vec<PathBuf>,
    used: OnceLock<AtomicU64>,
    limit: AtomicU64,
}

impl Space {
    /// That of these folders.
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            used: OnceLock::new(),
            limit: AtomicU64::new(u64::MAX),
        }
    }

    /// From now on they may have so many.
    pub(crate) fn limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// How many they have. The first time it looks at each of them.
    pub(crate) fn used(&self) -> u64 {
        self.counted().load(Ordering::Relaxed)
    }

    /// The same, and nothing where nobody has counted them: that takes time.
    pub(crate) fn used_if_counted(&self) -> u64 {
        let used = self.used.get();
        used.map_or(0, |used| used.load(Ordering::Relaxed))
    }

    fn counted(&self) -> &AtomicU64 {
        self.used.get_or_init(|| {
            let folders = self.folders.iter().map(|folder| count(folder));
            AtomicU64::new(folders.sum())
        })
    }

    /// Takes bytes that are about to be written.
    pub(super) fn take(&self, bytes: u64) -> Result<(), FsError> {
        if bytes == 0 {
            return Ok(());
        }
        let limit = self.limit.load(Ordering::Relaxed);
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= limit);
        let taken = self
            .counted()
            .try_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.map(drop).map_err(|_| FsError::Quota)
    }

    /// Gives back bytes that are not there any more.
    pub(super) fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            let less = |used: u64| Some(used.saturating_sub(bytes));
            // It never refuses.
            let _ = self
                .counted()
                .try_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }
}

/// Bytes of the files below a folder. What cannot be looked at counts nothing.
fn count(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_owned()];
    let mut bytes = 0_u64;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) if found.is_file() => bytes = bytes.saturating_add(found.len()),
                _ => {}
            }
        }
    }
    bytes
}
