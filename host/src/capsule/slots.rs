//! How many instances live at once, all capsules together, and which idle one goes first.
//!
//! An instance holds a slot for as long as it lives, idle or not. Before anybody waits for one, and before a guest is
//! refused memory, the instance that has been idle longest goes. For each depth at which calls are nested there is one
//! slot more that only they may take: when every other one is held by calls that wait for nested ones, the deepest
//! goes on, and then the one above it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::instance::Live;
use crate::call::MAX_DEPTH;
use crate::names::PrincipalId;

/// Slots kept for nested calls, one for each depth.
pub(crate) const RESERVED: usize = MAX_DEPTH as usize;

/// The slots of a host.
pub(crate) struct Slots {
    count: usize,
    free: Arc<Semaphore>,
    /// For calls nested once, twice, and so on.
    nested: [Arc<Semaphore>; RESERVED],
    /// Each that holds idle instances, and some that don't any more.
    places: Mutex<Vec<Weak<dyn IdlePlace>>>,
    /// Which are held, here and elsewhere.
    guests: TaskTracker,
    /// Who waits for a slot now.
    waiting: AtomicUsize,
    oldest: Mutex<Oldest>,
}

/// An instance that was idle when it was looked for: since when, and where.
pub(super) type Candidate = (Instant, Weak<dyn IdlePlace>);

/// Where instances wait for the next call. It is listed with its first one.
///
/// A trait, so that what is proven of a host and its futures (`Send`) does not go down into wasmtime's types each time:
/// rustc gives up at a depth of 128, and an embedder's own futures come on top.
pub(super) trait IdlePlace: Send + Sync {
    /// The instance that was put back last: its memory is the warmest.
    fn take(&self) -> Option<Box<Live>>;

    /// Keeps an instance. [`Listing::Begins`] if the place has to be listed.
    fn put(&self, live: Box<Live>, since: Instant) -> Listing;

    /// Ends the instance that is idle since then; false if there is none any more.
    fn evict(&self, since: Instant) -> bool;

    /// Ends all of them.
    fn clear(&self);

    /// Whose instances they are; none where they serve several principals.
    fn principal(&self) -> Option<&PrincipalId>;

    /// Adds each of its instances. [`Listing::Ends`] where there is none.
    fn candidates(&self, this: &Weak<dyn IdlePlace>, into: &mut Vec<Candidate>) -> Listing;
}

/// Whether a place is on the list of those with idle instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// It holds its first one, and is to be listed.
    Begins,
    /// It is listed, and holds some.
    Stays,
    /// It is listed, and holds none.
    Ends,
}

/// What was idle when all places were last looked through, longest first. Whatever became idle later is younger than
/// each of these that still is, so places are only looked through again when none is left.
type Oldest = VecDeque<Candidate>;

/// Room for one instance.
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
    _guest: TaskTrackerToken,
    /// Kept for nested calls: an idle instance must not hold it.
    pub(super) reserved: bool,
}

/// Counts who waits, also when its future is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Slots {
    /// So many. Each that is held counts in `guests`.
    pub(crate) fn new(count: usize, guests: TaskTracker) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            count,
            guests,
            nested: std::array::from_fn(|_| Arc::new(Semaphore::new(1))),
            free: Arc::new(Semaphore::new(count)),
            places: Mutex::default(),
            waiting: AtomicUsize::new(0),
            oldest: Mutex::default(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether who wants one has to wait for it now.
    pub(super) fn are_taken(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// Lets the idle instances of a place be evicted.
    pub(super) fn list(&self, place: Weak<dyn IdlePlace>) {
        let mut places = self.places.lock();
        if places.len() == places.capacity() {
            // Before it grows, those go whose tenants are gone.
            places.retain(|place| place.strong_count() > 0);
            let live = places.len();
            places.reserve(live + 8);
        }
        places.push(place);
    }

    /// Gives out none any more: who waits for one gets none, either.
    pub(crate) fn close(&self) {
        self.free.close();
        for nested in &self.nested {
            nested.close();
        }
    }

    fn slot(&self, permit: OwnedSemaphorePermit, reserved: bool) -> Slot {
        Slot {
            _permit: permit,
            _guest: self.guests.token(),
            reserved,
        }
    }

    /// A slot for a call nested in so many; who waits is served in order. None once they are closed.
    pub(super) async fn take(&self, depth: u8) -> Option<Slot> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(self.slot(permit, false));
        }
        // Announced before looking for an idle instance: one that is put back later sees it.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        self.evict_one();
        let free = Arc::clone(&self.free).acquire_owned();
        let own = usize::from(depth).checked_sub(1);
        match own.and_then(|own| self.nested.get(own)) {
            None => Some(self.slot(free.await.ok()?, false)),
            Some(own) => tokio::select! {
                biased;
                permit = free => Some(self.slot(permit.ok()?, false)),
                permit = Arc::clone(own).acquire_owned() => Some(self.slot(permit.ok()?, true)),
            },
        }
    }

    /// To be called after an instance was put back: it, or another idle one, goes if somebody waits for a slot.
    pub(super) fn put_back(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.evict_one();
        }
    }

    /// Ends the instance that has been idle longest; false if there is none.
    pub(crate) fn evict_one(&self) -> bool {
        self.evict_known() || {
            self.look_through();
            self.evict_known()
        }
    }

    /// Ends the instance of a principal that has been idle longest; false if there is none.
    pub(crate) fn evict_one_of(&self, principal: &PrincipalId) -> bool {
        let mut found = Vec::new();
        for place in self.places.lock().iter() {
            if let Some(it) = place.upgrade()
                && it.principal() == Some(principal)
            {
                it.candidates(place, &mut found);
            }
        }
        found.sort_unstable_by_key(|(since, _)| *since);
        let mut found = found.into_iter();
        found.any(|(since, idle)| idle.upgrade().is_some_and(|idle| idle.evict(since)))
    }

    fn evict_known(&self) -> bool {
        // Not under the lock: ending an instance takes microseconds.
        let next = || self.oldest.lock().pop_front();
        std::iter::from_fn(next).any(|(since, idle)| {
            // One that served a call meanwhile isn't the oldest any more.
            idle.upgrade().is_some_and(|idle| idle.evict(since))
        })
    }

    fn look_through(&self) {
        let mut found = Vec::new();
        self.places.lock().retain(|place| {
            let listing = place.upgrade().map(|it| it.candidates(place, &mut found));
            listing == Some(Listing::Stays)
        });
        found.sort_unstable_by_key(|(since, _)| *since);
        *self.oldest.lock() = found.into();
    }
}
