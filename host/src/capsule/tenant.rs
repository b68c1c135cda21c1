//! Tenants: what a load of a capsule keeps for each principal, among it the instances that wait for the next call. The
//! lane that orders a tenant's calls is the dispatcher's, and outlives the load.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use quick_cache::Lifecycle;

use super::Ceilings;
use super::circuit::Circuit;
use super::instance::Live;
use super::reports::Reports;
use super::slots::{Candidate, Evict};
use crate::call::TraceId;
use crate::dispatch;
use crate::domain::Scope;
pub(super) use crate::limits::capsule::TENANTS;
use crate::names::PrincipalId;

/// How many there is room for before the table grows: room for all of them costs a load tens of microseconds.
pub(super) const TENANTS_AT_FIRST: usize = 32;

/// One principal of one load of a capsule.
pub(super) struct Tenant {
    pub(super) scope: Arc<Scope>,
    pub(super) ceilings: Ceilings,
    /// Its calls come through this, first come first served.
    pub(super) lane: Arc<dispatch::Lane>,
    pub(super) idle: Arc<Idle>,
    pub(super) circuit: Circuit,
    /// How often failures are written down for it.
    pub(super) reports: Reports,
    /// [`crate::principal::Principals::changes`] when the principal was last seen to be enabled.
    pub(super) checked_at: AtomicU64,
    number: u64,
    calls: AtomicU64,
}

impl Tenant {
    pub(super) fn new(
        scope: Scope,
        ceilings: Ceilings,
        lane: Arc<dispatch::Lane>,
        idle: Arc<Idle>,
        checked_at: u64,
        number: u64,
    ) -> Self {
        Self {
            scope: Arc::new(scope),
            ceilings,
            lane,
            idle,
            circuit: Circuit::default(),
            reports: Reports::default(),
            checked_at: AtomicU64::new(checked_at),
            number,
            calls: AtomicU64::new(0),
        }
    }

    /// A name for the next call. Counted for each tenant, so that they don't share a counter.
    pub(super) fn next_trace(&self) -> TraceId {
        TraceId((self.number << 40) | (self.calls.fetch_add(1, Relaxed) & ((1 << 40) - 1)))
    }
}

/// Instances that wait for a call: those of a tenant, or of a whole capsule where the manifest shares them.
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

    /// Since when each is, with a way back to here.
    pub(super) fn candidates(self: &Arc<Self>, into: &mut Vec<Candidate>) {
        let idle = self.0.lock();
        let place = Arc::downgrade(self) as Weak<dyn Evict>;
        into.extend(idle.iter().map(|(since, _)| (*since, Weak::clone(&place))));
    }

    pub(super) fn clear(&self) {
        let all = std::mem::take(&mut *self.0.lock());
        drop(all);
    }
}

impl Evict for Idle {
    fn evict(&self, since: Instant) -> bool {
        let evicted = {
            let mut idle = self.0.lock();
            let at = idle.iter().position(|(other, _)| *other == since);
            at.map(|at| idle.remove(at))
        };
        // Dropping a store takes microseconds: not under the lock.
        evicted.is_some()
    }
}

/// Keeps tenants that somebody holds: their calls are under way.
#[derive(Debug, Clone)]
pub(super) struct KeepInUse;

impl Lifecycle<PrincipalId, Arc<Tenant>> for KeepInUse {
    type RequestState = ();

    fn is_pinned(&self, _principal: &PrincipalId, tenant: &Arc<Tenant>) -> bool {
        Arc::strong_count(tenant) > 1
    }

    fn on_evict(
        &self,
        _state: &mut Self::RequestState,
        _principal: PrincipalId,
        _tenant: Arc<Tenant>,
    ) {
    }
}
