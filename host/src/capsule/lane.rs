//! Lanes: for each (capsule, principal) the permit that serialises its calls, and the instances that wait for
//! the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::Mutex;
use quick_cache::Lifecycle;
use tokio::sync::Semaphore;

use super::Ceilings;
use super::instance::Live;
use crate::call::TraceId;
use crate::principal::{PrincipalId, PrincipalScope};

/// How many principals' lanes a capsule keeps; further ones replace those not in use.
pub(super) const LANES: usize = 4_096;
/// How many there is room for before the table grows: room for all of them costs a load tens of microseconds.
pub(super) const LANES_AT_FIRST: usize = 32;

/// One principal's way into one capsule.
pub(super) struct Lane {
    pub(super) scope: Arc<PrincipalScope>,
    pub(super) ceilings: Ceilings,
    /// One for an ordered capsule: its calls run one at a time, first come first served.
    pub(super) permits: Semaphore,
    pub(super) idle: Arc<Idle>,
    /// [`crate::principal::Principals::changes`] when the principal was last seen to be enabled.
    pub(super) checked_at: AtomicU64,
    number: u64,
    calls: AtomicU64,
}

impl Lane {
    pub(super) fn new(
        scope: PrincipalScope,
        ceilings: Ceilings,
        permits: usize,
        idle: Arc<Idle>,
        checked_at: u64,
        number: u64,
    ) -> Self {
        Self {
            scope: Arc::new(scope),
            ceilings,
            permits: Semaphore::new(permits),
            idle,
            checked_at: AtomicU64::new(checked_at),
            number,
            calls: AtomicU64::new(0),
        }
    }

    /// A name for the next call. Counted within the lane, so that lanes don't share a counter.
    pub(super) fn next_trace(&self) -> TraceId {
        TraceId((self.number << 40) | (self.calls.fetch_add(1, Relaxed) & ((1 << 40) - 1)))
    }
}

/// Instances that wait for a call: those of a lane, or of a whole capsule where the manifest shares them.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<(Instant, Box<Live>)>>);

impl Idle {
    /// The one that was put back last: its memory is the warmest.
    pub(super) fn take(&self) -> Option<Box<Live>> {
        self.0.lock().pop().map(|(_, live)| live)
    }

    pub(super) fn put(&self, live: Box<Live>, since: Instant) {
        self.0.lock().push((since, live));
    }

    pub(super) fn since(&self) -> Option<Instant> {
        self.0.lock().first().map(|(since, _)| *since)
    }

    pub(super) fn evict_oldest(&self) {
        let oldest = {
            let mut idle = self.0.lock();
            if idle.is_empty() {
                None
            } else {
                Some(idle.remove(0))
            }
        };
        // Dropping a store takes microseconds: not under the lock.
        drop(oldest);
    }

    pub(super) fn clear(&self) {
        let all = std::mem::take(&mut *self.0.lock());
        drop(all);
    }
}

/// Keeps lanes that somebody holds: a lane that went while a call waits in it would lose its order.
#[derive(Debug, Clone)]
pub(super) struct KeepInUse;

impl Lifecycle<PrincipalId, Arc<Lane>> for KeepInUse {
    type RequestState = ();

    fn is_pinned(&self, _principal: &PrincipalId, lane: &Arc<Lane>) -> bool {
        Arc::strong_count(lane) > 1
    }

    fn on_evict(&self, _state: &mut Self::RequestState, _principal: PrincipalId, _lane: Arc<Lane>) {
    }
}
