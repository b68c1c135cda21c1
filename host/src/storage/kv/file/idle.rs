//! Makes the file smaller when it is mostly empty and nobody uses it.

use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::{FileKv, Fullness, KvError};
use crate::limits::storage::{COMPACTED, WORTH_COMPACTING};

/// How long nothing may have been read or written.
const QUIET: Duration = Duration::from_secs(60);

/// What was done with the store since it was last looked at.
#[derive(Debug, Default)]
pub(super) struct Idle {
    used: AtomicBool,
    /// Since it was last found to be small enough.
    written: AtomicBool,
    /// Bytes of the file when it was last compacted: it becomes no smaller than that.
    compacted: AtomicU64,
}

/// What the database needs for a key besides its bytes, where keys and values are short.
const ROW: u64 = 100;

impl Idle {
    pub(super) fn is_used(&self) {
        // Only where it changes: all calls share it.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn is_written(&self) {
        self.is_used();
        self.written.store(true, Ordering::Relaxed);
    }
}

impl Fullness {
    /// Whether more than half of the file is free, about, and what compacting it frees is worth the time: two to four
    /// seconds for each 100 MiB that stay.
    pub(super) fn is_mostly_free(&self) -> bool {
        let stays = self.stored.saturating_add(self.keys.saturating_mul(ROW));
        stays.saturating_mul(2) < self.file
            && self.file - stays >= WORTH_COMPACTING
            && stays <= COMPACTED
    }
}

impl FileKv {
    /// Compacts the file if it was written, is mostly free now, and was not used since this was last asked. Tells whether
    /// it did.
    ///
    /// # Errors
    /// [`KvError::Store`].
    pub(crate) async fn compact_if_idle(&self) -> Result<bool, KvError> {
        let was_used = self.idle.used.swap(false, Ordering::Relaxed);
        let Some(handle) = self.door.open().filter(|_| !was_used) else {
            return Ok(false);
        };
        if !self.idle.written.swap(false, Ordering::Relaxed) {
            return Ok(false);
        }
        let fullness = self.read_in(&handle, |reader| reader.fullness(&self.options.path))?;
        drop(handle);
        let before = self.idle.compacted.load(Ordering::Relaxed);
        if !fullness.is_mostly_free() || fullness.file < before.saturating_add(WORTH_COMPACTING) {
            return Ok(false);
        }
        self.compact().await?;
        let size = std::fs::metadata(&self.options.path).map_or(0, |found| found.len());
        self.idle.compacted.store(size, Ordering::Relaxed);
        Ok(true)
    }
}

/// Looks once a minute whether the file should be smaller, for as long as the store is there.
pub(crate) async fn compact_when_idle(store: Weak<FileKv>) {
    loop {
        tokio::time::sleep(QUIET).await;
        let Some(store) = store.upgrade() else {
            return;
        };
        if let Err(error) = store.compact_if_idle().await {
            tracing::warn!(%error, "the store of keys and values could not be made smaller");
        }
    }
}
