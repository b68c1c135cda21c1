//! What an instance may allocate, and what all instances of a host may allocate together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use wasmtime::ResourceLimiter;

/// Core instances of a component; the same for every allocation.
pub(super) const CORE_INSTANCES: u32 = 8;
/// Memories of a component.
pub(super) const MEMORIES: u32 = 1;
/// Tables of a component.
pub(super) const TABLES: u32 = 4;
/// Elements that all tables of an instance may hold together; the pool's own bound.
const TABLE_ELEMENTS: usize = 20_000;

/// Linear memory that all guests of a host may hold together, in bytes.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
}

impl MemoryBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    /// Bytes held now.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
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

/// Admits or refuses each growth of one instance, and remembers the largest size and the last refusal.
#[derive(Debug)]
pub struct MemoryLimiter {
    limit: usize,
    held: usize,
    peak: usize,
    table_elements: usize,
    /// Bytes of the last grant, and the peak before it: taken back if the growth fails after all.
    granted: (usize, usize),
    refused: Option<usize>,
    budget: Arc<MemoryBudget>,
}

impl MemoryLimiter {
    /// A limiter for an instance that may hold `limit` bytes of linear memory, charged to `budget`.
    pub fn new(limit: usize, budget: Arc<MemoryBudget>) -> Self {
        Self {
            limit,
            held: 0,
            peak: 0,
            table_elements: 0,
            granted: (0, 0),
            refused: None,
            budget,
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

    /// Bytes that the instance may hold.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many bytes the guest wanted when it was last refused in this call.
    pub fn refused(&self) -> Option<usize> {
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
        if held > self.limit || !self.budget.take(more) {
            self.refused = Some(held);
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
            self.budget.give_back(more);
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
        self.budget.give_back(self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    #[test]
    fn an_instance_may_grow_to_its_limit_and_no_further() {
        let budget = MemoryBudget::new(KIB * KIB);
        let mut limiter = MemoryLimiter::new(128 * KIB, Arc::clone(&budget));
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
        assert_eq!(
            (limiter.peak(), limiter.refused()),
            (128 * KIB, Some(192 * KIB))
        );
        limiter.begin_call(128 * KIB);
        assert_eq!(limiter.refused(), None);
    }

    #[test]
    fn the_budget_is_shared_and_given_back() {
        let budget = MemoryBudget::new(100 * KIB);
        let mut first = MemoryLimiter::new(KIB * KIB, Arc::clone(&budget));
        let mut second = MemoryLimiter::new(KIB * KIB, Arc::clone(&budget));
        assert!(first.memory_growing(0, 64 * KIB, None).expect("answers"));
        assert!(!second.memory_growing(0, 64 * KIB, None).expect("answers"));
        drop(first);
        assert_eq!(budget.used(), 0);
        assert!(second.memory_growing(0, 64 * KIB, None).expect("answers"));
    }

    #[test]
    fn a_growth_that_fails_after_all_is_not_charged() {
        let budget = MemoryBudget::new(KIB * KIB);
        let mut limiter = MemoryLimiter::new(KIB * KIB, Arc::clone(&budget));
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
        let mut limiter = MemoryLimiter::new(0, MemoryBudget::new(0));
        assert!(limiter.table_growing(0, 10_000, None).expect("answers"));
        assert!(!limiter.table_growing(0, 10_001, None).expect("answers"));
    }
}
