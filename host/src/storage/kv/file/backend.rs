//! The file below the library: when it is synced, and, in tests, how it fails.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

#[cfg(test)]
use super::faults::{Doing, Faults};
use super::{Durability, FileOptions};

/// A file that is synced at each commit, or later.
#[derive(Debug)]
pub(super) struct Backend {
    file: FileBackend,
    later: Option<Arc<Unsynced>>,
    #[cfg(test)]
    faults: Faults,
}

/// What was committed and not yet synced.
#[derive(Debug)]
pub(super) struct Unsynced {
    file: File,
    is_dirty: AtomicBool,
}

impl Unsynced {
    /// Syncs the file, if something was committed since this was last done.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.is_dirty.swap(false, AcqRel) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

impl Backend {
    pub(super) fn new(file: File, options: &FileOptions) -> io::Result<Self> {
        let later = match options.durability {
            Durability::Disk => None,
            Durability::Process => Some(Arc::new(Unsynced {
                file: file.try_clone()?,
                is_dirty: AtomicBool::new(false),
            })),
        };
        let file = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Self {
            file,
            later,
            #[cfg(test)]
            faults: options.faults.clone(),
        })
    }

    /// What is to be synced later, where commits are not.
    pub(super) fn later(&self) -> Option<Arc<Unsynced>> {
        self.later.clone()
    }
}

type Range = Bound<u64>;

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before(Doing::Read)?;
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before(Doing::Resize)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before(Doing::Sync)?;
        match &self.later {
            None => self.file.sync_data(),
            Some(later) => {
                later
                    .is_dirty
                    .store(true, std::sync::atomic::Ordering::Release);
                Ok(())
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before(Doing::Write)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        let synced = self.later.as_ref().map_or(Ok(()), |later| later.sync());
        self.file.close().and(synced)
    }

    fn try_lock_range(&self, start: Range, end: Range) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Range, end: Range) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Range, end: Range) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Range, end: Range) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Range, end: Range) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Range, end: Range) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
