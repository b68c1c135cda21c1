//! How many instances live at once, all capsules together.
//!
//! An instance holds a slot for as long as it lives, idle or not. Before anybody waits for one, the instance
//! that has been idle longest goes.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LoadedCapsule;

/// The slots of a host.
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    capsules: Mutex<Vec<Weak<LoadedCapsule>>>,
}

impl Slots {
    /// So many.
    pub(crate) fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(count)),
            capsules: Mutex::default(),
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
        if self.free.available_permits() == 0 {
            self.evict_one();
        }
        // The semaphore is never closed.
        Arc::clone(&self.free).acquire_owned().await.ok()
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
