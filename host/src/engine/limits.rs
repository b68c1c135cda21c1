//! What an instance may allocate, and what all instances of a host may allocate together.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::limits::engine::TABLE_ELEMENTS;
pub(super) use crate::limits::engine::{CORE_INSTANCES, MEMORIES, TABLES};
use crate::names::PrincipalId;
use crate::principal::Account;
use wasmtime::ResourceLimiter;

/// Ends one idle instance, of a principal or of all, so that its memory is free; false when there is none.
pub type Reclaim = Box<dyn Fn(Option<&PrincipalId>) -> bool + Send + Sync>;

/// Linear memory that all guests of a host may hold together, in bytes.
pub struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
    reclaim: OnceLock<Reclaim>,
}

impl MemoryBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            reclaim: OnceLock::new(),
        })
    }

    /// From now on what is idle goes before a growth is refused. Said once: a second time changes nothing.
    pub fn reclaim_with(&self, reclaim: Reclaim) {
        let _ = self.reclaim.set(reclaim);
    }

    /// Bytes held now.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        // What can never be had is not worth an idle instance.
        if bytes > self.limit {
            return false;
        }
        while !self.try_take(bytes) {
            if !self.reclaim(None) {
                return false;
            }
        }
        true
    }

    fn reclaim(&self, of: Option<&PrincipalId>) -> bool {
        self.reclaim.get().is_some_and(|reclaim| reclaim(of))
    }

    /// Takes memory for an instance of a principal, for whose sake its own idle ones go.
    fn take_for(&self, account: &Account, bytes: usize) -> bool {
        if bytes > account.memory_limit() {
            return false;
        }
        while !account.take_memory(bytes) {
            if !self.reclaim(Some(&account.id)) {
                return false;
            }
        }
        true
    }

    fn try_take(&self, bytes: usize) -> bool {
        self.used
            .try_update(Relaxed, Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit)
            })
            .is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Relaxed);
    }
}

/// Why a growth was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The instance would have held more than it may.
    Instance {
        /// Bytes that it would have held.
        wanted: usize,
        /// Bytes that it may hold.
        limit: usize,
    },
    /// All instances of the principal that are in use would have held more than they may together.
    Principal {
        /// Bytes that it wanted besides what it held.
        wanted: usize,
        /// Bytes that all of the principal's may hold.
        limit: usize,
    },
    /// All instances that are in use would have held more than they may together.
    Host {
        /// Bytes that it wanted besides what it held.
        wanted: usize,
        /// Bytes that all may hold.
        limit: usize,
    },
}

/// Admits or refuses each growth of one instance, and remembers the largest size and the last refusal.
pub struct MemoryLimiter {
    limit: usize,
    held: usize,
    peak: usize,
    table_elements: usize,
    /// Bytes of the last grant, and the peak before it: taken back if the growth fails after all.
    granted: (usize, usize),
    refused: Option<Refusal>,
    budget: Arc<MemoryBudget>,
    account: Option<Arc<Account>>,
}

impl MemoryLimiter {
    /// A limiter for an instance that may hold `limit` bytes of linear memory, charged to `budget` and, where it is a
    /// principal's own, to that one's account.
    pub fn new(limit: usize, budget: Arc<MemoryBudget>, account: Option<Arc<Account>>) -> Self {
        Self {
            limit,
            held: 0,
            peak: 0,
            table_elements: 0,
            granted: (0, 0),
            refused: None,
            budget,
            account,
        }
    }

    /// Takes memory from all that have a say; from none if one refuses.
    fn take(&self, more: usize) -> Result<(), Refusal> {
        if let Some(account) = &self.account
            && !self.budget.take_for(account, more)
        {
            return Err(Refusal::Principal {
                wanted: more,
                limit: account.memory_limit(),
            });
        }
        if !self.budget.take(more) {
            if let Some(account) = &self.account {
                account.give_back_memory(more);
            }
            return Err(Refusal::Host {
                wanted: more,
                limit: self.budget.limit,
            });
        }
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        self.budget.give_back(bytes);
        if let Some(account) = &self.account {
            account.give_back_memory(bytes);
        }
    }

    /// Begins a call that may hold `limit` bytes, and forgets what earlier calls were refused, so that a later
    /// trap isn't blamed on memory.
    pub fn begin_call(&mut self, limit: usize) {
        self.limit = limit;
        self.refused = None;
        self.granted = (0, self.peak);
        self.peak = self.held;
    }

    /// Most bytes of linear memory held during the call.
    pub fn peak(&self) -> usize {
        self.peak
    }

    /// The last refusal in this call.
    pub fn refused(&self) -> Option<Refusal> {
        self.refused
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let held = self.held.saturating_add(more);
        let refusal = if held > self.limit {
            Some(Refusal::Instance {
                wanted: held,
                limit: self.limit,
            })
        } else {
            self.take(more).err()
        };
        if refusal.is_some() {
            self.refused = refusal;
            self.granted = (0, self.peak);
            return Ok(false);
        }
        self.granted = (more, self.peak);
        self.held = held;
        self.peak = self.peak.max(held);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        // Asked before the memory's own maximum is: what wasn't had isn't held.
        let (more, peak) = std::mem::take(&mut self.granted);
        if more > 0 {
            self.held = self.held.saturating_sub(more);
            self.peak = peak;
            self.give_back(more);
        }
        Ok(())
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let all = self
            .table_elements
            .saturating_add(desired.saturating_sub(current));
        if all > TABLE_ELEMENTS {
            return Ok(false);
        }
        self.table_elements = all;
        Ok(true)
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.give_back(self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    #[test]
    fn an_instance_may_grow_to_its_limit_and_no_further() {
        let budget = MemoryBudget::new(KIB * KIB);
        let mut limiter = MemoryLimiter::new(128 * KIB, Arc::clone(&budget), None);
        assert!(limiter.memory_growing(0, 64 * KIB, None).expect("answers"));
        assert!(
            limiter
                .memory_growing(64 * KIB, 128 * KIB, None)
                .expect("answers")
        );
        assert!(
            !limiter
                .memory_growing(128 * KIB, 192 * KIB, None)
                .expect("answers")
        );
        let refusal = Refusal::Instance {
            wanted: 192 * KIB,
            limit: 128 * KIB,
        };
        assert_eq!(
            (limiter.peak(), limiter.refused()),
            (128 * KIB, Some(refusal))
        );
        limiter.begin_call(128 * KIB);
        assert_eq!(limiter.refused(), None);
    }

    #[test]
    fn the_budget_is_shared_and_given_back() {
        let budget = MemoryBudget::new(100 * KIB);
        let mut first = MemoryLimiter::new(KIB * KIB, Arc::clone(&budget), None);
        let mut second = MemoryLimiter::new(KIB * KIB, Arc::clone(&budget), None);
        assert!(first.memory_growing(0, 64 * KIB, None).expect("answers"));
        assert!(!second.memory_growing(0, 64 * KIB, None).expect("answers"));
        drop(first);
        assert_eq!(budget.used(), 0);
        assert!(second.memory_growing(0, 64 * KIB, None).expect("answers"));
    }

    #[test]
    fn what_is_idle_goes_before_a_growth_is_refused() {
        let budget = MemoryBudget::new(100 * KIB);
        let grown = |bytes| {
            let mut limiter = MemoryLimiter::new(KIB * KIB, Arc::clone(&budget), None);
            let had = limiter.memory_growing(0, bytes, None).expect("answers");
            (had, limiter)
        };
        let idle = parking_lot::Mutex::new(vec![grown(40 * KIB).1, grown(40 * KIB).1]);
        let idle = Arc::new(idle);
        let seen = Arc::clone(&idle);
        budget.reclaim_with(Box::new(move |_| seen.lock().pop().is_some()));

        assert!(!grown(101 * KIB).0, "more than there ever is");
        assert_eq!(idle.lock().len(), 2, "nothing went for it");
        let (had, _held) = grown(60 * KIB);
        assert_eq!(
            (had, idle.lock().len()),
            (true, 1),
            "no more went than had to"
        );
        let (had, limiter) = grown(60 * KIB);
        assert_eq!((had, idle.lock().len()), (false, 0));
        let refusal = Refusal::Host {
            wanted: 60 * KIB,
            limit: 100 * KIB,
        };
        assert_eq!(limiter.refused(), Some(refusal));
    }

    #[test]
    fn a_growth_that_fails_after_all_is_not_charged() {
        let budget = MemoryBudget::new(KIB * KIB);
        let mut limiter = MemoryLimiter::new(KIB * KIB, Arc::clone(&budget), None);
        assert!(limiter.memory_growing(0, 64 * KIB, None).expect("answers"));
        limiter
            .memory_grow_failed(wasmtime::format_err!("its maximum"))
            .expect("taken back");
        assert_eq!((budget.used(), limiter.peak()), (0, 0));
        limiter
            .memory_grow_failed(wasmtime::format_err!("refused"))
            .expect("nothing to take back");
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn tables_have_a_limit_too() {
        let mut limiter = MemoryLimiter::new(0, MemoryBudget::new(0), None);
        assert!(limiter.table_growing(0, 10_000, None).expect("answers"));
        assert!(!limiter.table_growing(0, 10_001, None).expect("answers"));
    }
}
