//! How many instances live at once, all capsules together.
//!
//! An instance holds a slot for as long as it lives, idle or not. Before anybody waits for one, the instance
//! that has been idle longest goes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LoadedCapsule;

/// The slots of a host.
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    capsules: Mutex<Vec<Weak<LoadedCapsule>>>,
    /// Who waits for a slot now.
    waiting: AtomicUsize,
}

/// Counts who waits, also when its future is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Slots {
    /// So many.
    pub(crate) fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(count)),
            capsules: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Lets idle instances of a capsule be evicted.
    pub(super) fn enlist(&self, capsule: &Arc<LoadedCapsule>) {
        let mut capsules = self.capsules.lock();
        capsules.retain(|capsule| capsule.strong_count() > 0);
        capsules.push(Arc::downgrade(capsule));
    }

    /// A slot; who waits is served in order.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(slot);
        }
        // Announced before looking for an idle instance: one that is put back later sees it.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        self.evict_one();
        // The semaphore is never closed.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// To be called after an instance was put back: it, or another idle one, goes if somebody waits for a slot.
    pub(super) fn put_back(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.evict_one();
        }
    }

    fn evict_one(&self) {
        let capsules: Vec<_> = self
            .capsules
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        let oldest = capsules
            .iter()
            .filter_map(|capsule| Some((capsule.idle_since()?, capsule)))
            .min_by_key(|(since, _)| *since);
        if let Some((_, capsule)) = oldest {
            capsule.evict_oldest();
        }
    }
}
