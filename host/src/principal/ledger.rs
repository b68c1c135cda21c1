//! The ledger: what each principal uses now, and the most that it used since the host began. An account outlasts a change
//! of its principal's profile, and a principal that is not called has none.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use arc_swap::ArcSwapOption;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::RwLock;

use super::{PrincipalId, PrincipalLimits};
use crate::vfs::Space;

/// What one principal uses, with what its profile lowers. What it does not lower has no limit here.
#[derive(Debug)]
pub struct Account {
    /// Whose it is.
    pub id: PrincipalId,
    memory: Meter,
    events: Meter,
    publish: ArcSwapOption<PublishRate>,
    files: Arc<Space>,
}

#[derive(Debug)]
struct Meter {
    used: AtomicUsize,
    peak: AtomicUsize,
    limit: AtomicUsize,
}

#[derive(Debug)]
struct PublishRate {
    bytes: u64,
    rate: DefaultDirectRateLimiter,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            used: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            limit: AtomicUsize::new(usize::MAX),
        }
    }
}

impl Account {
    fn new(id: PrincipalId, dir: &Path) -> Self {
        let folders = ["files", "tmp"].map(|folder| dir.join(folder));
        Self {
            id,
            files: Arc::new(Space::new(folders.to_vec())),
            memory: Meter::default(),
            events: Meter::default(),
            publish: ArcSwapOption::empty(),
        }
    }

    /// The bytes of its files.
    pub(crate) fn files(&self) -> &Arc<Space> {
        &self.files
    }

    /// From now on its profile says this.
    pub(super) fn limit(&self, limits: &PrincipalLimits) {
        let most = |limit: Option<u64>| {
            let limit = limit.and_then(|limit| usize::try_from(limit).ok());
            limit.unwrap_or(usize::MAX)
        };
        self.memory.limit.store(most(limits.memory), Relaxed);
        self.events.limit.store(most(limits.events), Relaxed);
        let now = self.publish.load();
        if now.as_ref().map(|rate| rate.bytes) != limits.publish_bytes {
            let rate = limits.publish_bytes.map(|bytes| {
                let a_second = u32::try_from(bytes).unwrap_or(u32::MAX);
                // Of none at all, the smallest message is more than a second's worth.
                let a_second = NonZeroU32::new(a_second).unwrap_or(NonZeroU32::MIN);
                let rate = RateLimiter::direct(Quota::per_second(a_second));
                Arc::new(PublishRate { bytes, rate })
            });
            self.publish.store(rate);
        }
    }

    /// Takes memory for an instance, unless all of its instances would have more than they may.
    pub(crate) fn take_memory(&self, bytes: usize) -> bool {
        let limit = self.memory_limit();
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        match self.memory.used.try_update(Relaxed, Relaxed, fits) {
            Ok(before) => {
                self.memory.peak.fetch_max(before + bytes, Relaxed);
                true
            }
            Err(_) => false,
        }
    }

    /// Gives memory of an instance back.
    pub(crate) fn give_back_memory(&self, bytes: usize) {
        self.memory.used.fetch_sub(bytes, Relaxed);
    }

    /// Bytes of linear memory that all of its instances may have together.
    pub fn memory_limit(&self) -> usize {
        self.memory.limit.load(Relaxed)
    }

    /// Bytes of linear memory of all of its instances.
    pub fn memory(&self) -> usize {
        self.memory.used.load(Relaxed)
    }

    /// The most that these were.
    pub fn memory_peak(&self) -> usize {
        self.memory.peak.load(Relaxed)
    }

    /// Tells how many events may be in flight, where so many are and another one wants to be.
    pub(crate) fn in_flight(&self, events: usize) -> usize {
        let limit = self.events.limit.load(Relaxed);
        if events < limit {
            self.events.peak.fetch_max(events + 1, Relaxed);
        }
        limit
    }

    /// The most events that were in flight.
    pub fn events_peak(&self) -> usize {
        self.events.peak.load(Relaxed)
    }

    /// Charges a message, if its profile limits what is published for it. False if that is more than it may be.
    pub(crate) fn may_publish(&self, bytes: usize) -> bool {
        let rate = self.publish.load();
        let Some(rate) = rate.as_ref() else {
            return true;
        };
        let bytes = u32::try_from(bytes).ok().and_then(NonZeroU32::new);
        bytes.is_some_and(|bytes| matches!(rate.rate.check_n(bytes), Ok(Ok(()))))
    }
}

/// The accounts of all principals that were called since the host began.
#[derive(Debug, Default)]
pub struct Ledger(RwLock<HashMap<PrincipalId, Arc<Account>>>);

impl Ledger {
    /// A principal's account; none if it was not called yet.
    pub fn get(&self, id: &PrincipalId) -> Option<Arc<Account>> {
        self.0.read().get(id).cloned()
    }

    /// The same; it is made if there is none.
    pub(super) fn account(&self, id: &PrincipalId, dir: &Path) -> Arc<Account> {
        if let Some(account) = self.get(id) {
            return account;
        }
        let mut accounts = self.0.write();
        let account = accounts.entry(id.clone());
        Arc::clone(account.or_insert_with(|| Arc::new(Account::new(id.clone(), dir))))
    }

    pub(super) fn remove(&self, id: &PrincipalId) {
        self.0.write().remove(id);
    }

    /// How many events of a principal may be in flight, of which there are so many.
    pub(crate) fn events_in_flight(&self, id: &PrincipalId, events: usize) -> usize {
        let accounts = self.0.read();
        let account = accounts.get(id);
        account.map_or(usize::MAX, |account| account.in_flight(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(limits: PrincipalLimits) -> Arc<Account> {
        let id = "ada".parse().expect("a name");
        let account = Ledger::default().account(&id, Path::new("none"));
        account.limit(&limits);
        account
    }

    #[test]
    fn memory_is_the_sum_and_its_peak_stays() {
        let account = account(PrincipalLimits {
            memory: Some(100),
            ..PrincipalLimits::default()
        });
        assert!(account.take_memory(60) && !account.take_memory(41) && account.take_memory(40));
        account.give_back_memory(60);
        assert_eq!((account.memory(), account.memory_peak()), (40, 100));
        // What is there already stays when the limit is lowered.
        account.limit(&PrincipalLimits {
            memory: Some(10),
            ..PrincipalLimits::default()
        });
        assert!(!account.take_memory(1));
        account.limit(&PrincipalLimits::default());
        assert!(account.take_memory(1 << 40));
    }

    #[test]
    fn what_is_published_is_limited_by_the_second() {
        let account = account(PrincipalLimits {
            publish_bytes: Some(1_000),
            ..PrincipalLimits::default()
        });
        assert!(account.may_publish(600));
        assert!(!account.may_publish(600));
        assert!(!account.may_publish(2_000), "more than a second's worth");
        account.limit(&PrincipalLimits {
            publish_bytes: Some(0),
            ..PrincipalLimits::default()
        });
        assert!(!account.may_publish(256));
        account.limit(&PrincipalLimits::default());
        assert!(account.may_publish(usize::MAX));
    }
}
