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
use super::slots::{Candidate, IdlePlace, Listing, Slots};
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
    pub(super) idle: Arc<dyn IdlePlace>,
    pub(super) circuit: Arc<Circuit>,
    /// How often failures are written down for it.
    pub(super) reports: Arc<Reports>,
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
        idle: Arc<dyn IdlePlace>,
        checked_at: u64,
        number: u64,
    ) -> Self {
        Self {
            scope: Arc::new(scope),
            ceilings,
            lane,
            idle,
            circuit: Arc::default(),
            reports: Arc::default(),
            checked_at: AtomicU64::new(checked_at),
            number,
            calls: AtomicU64::new(0),
        }
    }

    /// Takes over what outlasts a change of the principal: its instances, and how it fared.
    pub(super) fn in_place_of(mut self, before: &Self) -> Self {
        self.idle = Arc::clone(&before.idle);
        self.circuit = Arc::clone(&before.circuit);
        self.reports = Arc::clone(&before.reports);
        self
    }

    /// Keeps an instance for the next call, unless a call waits for its slot.
    pub(super) fn put_back(&self, live: Box<Live>, since: Instant, slots: &Slots) {
        if self.idle.put(live, since) == Listing::Begins {
            slots.list(Arc::downgrade(&self.idle));
        }
        slots.put_back();
    }

    /// A name for the next call. Counted for each tenant, so that they don't share a counter.
    pub(super) fn next_trace(&self) -> TraceId {
        TraceId((self.number << 40) | (self.calls.fetch_add(1, Relaxed) & ((1 << 40) - 1)))
    }
}

/// Instances that wait for a call: those of a tenant, or of a whole capsule where the manifest shares them.
#[derive(Default)]
pub(super) struct Idle {
    /// Whose they are; none where they serve several.
    principal: Option<PrincipalId>,
    instances: Mutex<Instances>,
}

impl Idle {
    /// Those of a principal.
    pub(super) fn of(principal: &PrincipalId) -> Self {
        Self {
            principal: Some(principal.clone()),
            instances: Mutex::default(),
        }
    }
}

#[derive(Default)]
struct Instances {
    idle: Vec<(Instant, Box<Live>)>,
    /// Whether the slots know of the place.
    listed: bool,
}

impl IdlePlace for Idle {
    fn principal(&self) -> Option<&PrincipalId> {
        self.principal.as_ref()
    }

    fn take(&self) -> Option<Box<Live>> {
        self.instances.lock().idle.pop().map(|(_, live)| live)
    }

    fn put(&self, live: Box<Live>, since: Instant) -> Listing {
        let mut instances = self.instances.lock();
        instances.idle.push((since, live));
        if std::mem::replace(&mut instances.listed, true) {
            Listing::Stays
        } else {
            Listing::Begins
        }
    }

    fn clear(&self) {
        let all = std::mem::take(&mut self.instances.lock().idle);
        drop(all);
    }

    fn evict(&self, since: Instant) -> bool {
        let evicted = {
            let idle = &mut self.instances.lock().idle;
            let at = idle.iter().position(|(other, _)| *other == since);
            at.map(|at| idle.remove(at))
        };
        // Dropping a store takes microseconds: not under the lock.
        evicted.is_some()
    }

    fn candidates(&self, this: &Weak<dyn IdlePlace>, into: &mut Vec<Candidate>) -> Listing {
        let mut instances = self.instances.lock();
        let idle = instances.idle.iter();
        into.extend(idle.map(|(since, _)| (*since, Weak::clone(this))));
        instances.listed = !instances.idle.is_empty();
        if instances.listed {
            Listing::Stays
        } else {
            Listing::Ends
        }
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
