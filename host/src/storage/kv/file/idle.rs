//! Makes the file smaller when it is mostly empty and nobody uses it.

use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
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
}

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
    /// Whether more than half of the file is free, and what compacting it frees is worth the time, of which it takes a
    /// second or two at most.
    pub(super) fn is_mostly_free(&self) -> bool {
        let used = self.stored.saturating_mul(2);
        used < self.file && self.file - self.stored >= WORTH_COMPACTING && self.stored <= COMPACTED
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
        if !fullness.is_mostly_free() {
            return Ok(false);
        }
        self.compact().await?;
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
