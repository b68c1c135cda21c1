//! A lock for each capsule id, for what must not happen twice at once under one: it outlives the loads of a capsule.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::names::CapsuleName;

/// The locks that somebody holds or waits for.
#[derive(Default)]
pub(crate) struct NameLocks(Mutex<HashMap<CapsuleName, Weak<AsyncMutex<()>>>>);

impl NameLocks {
    /// Waits for the lock of an id; first come first served.
    pub(crate) async fn lock(&self, name: &CapsuleName) -> OwnedMutexGuard<()> {
        self.of(name).lock_owned().await
    }

    fn of(&self, name: &CapsuleName) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock();
        if let Some(lock) = locks.get(name).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        locks.insert(name.clone(), Arc::downgrade(&lock));
        lock
    }
}
