//! All lanes of a host, and the gates by which a capsule's lanes are opened, paused and closed together.
//!
//! Lanes belong to (capsule id, principal) and outlive a load of the capsule. The tables are bounded: a lane that
//! nobody holds has nothing in it and may go; one that somebody holds stays.

use std::collections::HashMap;
use std::sync::Arc;

use super::lane::Lane;
use super::lane_gate::{LaneGate, Setting};
use super::runtime::{Runtime, within};
use crate::limits::dispatch::{CAPSULES, LANES};
use crate::names::{CapsuleName, PrincipalId};
use crate::sync::Mutex;

/// Turns were still out when the time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{turns} calls of the capsule were still running when the time was over")]
pub struct StillRunning {
    /// How many.
    pub turns: usize,
}

/// The lanes of a host.
#[derive(Default)]
pub struct Lanes {
    capsules: Mutex<Capsules>,
}

#[derive(Default)]
struct Capsules {
    by_name: HashMap<CapsuleName, Arc<CapsuleLanes>>,
    sweep_at: usize,
    closed: bool,
    /// How many there were ever: the upper half of their lanes' ids.
    made: u64,
}

/// The lanes of one capsule.
pub struct CapsuleLanes {
    number: u64,
    gate: Arc<LaneGate>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    by_principal: HashMap<PrincipalId, Arc<Lane>>,
    sweep_at: usize,
    made: u64,
}

/// Keeps the lanes of a capsule from giving out turns, until it is dropped. What is queued stays queued.
#[must_use = "dropping a pause resumes"]
pub struct Pause(Arc<CapsuleLanes>);

impl Lanes {
    /// The lanes of a capsule, loaded or not.
    pub fn of(&self, capsule: &CapsuleName) -> Arc<CapsuleLanes> {
        let mut capsules = self.capsules.lock();
        if let Some(lanes) = capsules.by_name.get(capsule) {
            return Arc::clone(lanes);
        }
        if capsules.by_name.len() >= capsules.sweep_at.max(CAPSULES) {
            capsules
                .by_name
                .retain(|_, lanes| Arc::strong_count(lanes) > 1 || lanes.in_use());
            capsules.sweep_at = 2 * capsules.by_name.len();
        }
        capsules.made += 1;
        let lanes = Arc::new(CapsuleLanes {
            number: capsules.made,
            gate: Arc::new(LaneGate::new(capsules.closed)),
            table: Mutex::default(),
        });
        capsules.by_name.insert(capsule.clone(), Arc::clone(&lanes));
        lanes
    }

    /// Waits until nothing runs and nobody waits in any lane that there is now.
    pub(super) async fn idle(&self) {
        let all: Vec<_> = self.capsules.lock().by_name.values().cloned().collect();
        for lanes in all {
            for lane in lanes.lanes() {
                lane.idle().await;
            }
        }
    }

    /// Gives out no turn any more: who is queued, and who comes later, gets [`Closed`](super::Closed).
    pub fn close(&self) {
        let mut capsules = self.capsules.lock();
        capsules.closed = true;
        let all: Vec<_> = capsules.by_name.values().cloned().collect();
        drop(capsules);
        for lanes in all {
            lanes.set(|setting| setting.closed = true);
        }
    }
}

impl CapsuleLanes {
    /// The lane of a principal.
    pub fn lane(&self, principal: &PrincipalId) -> Arc<Lane> {
        let mut table = self.table.lock();
        if let Some(lane) = table.by_principal.get(principal) {
            return Arc::clone(lane);
        }
        if table.by_principal.len() >= table.sweep_at.max(LANES) {
            table
                .by_principal
                .retain(|_, lane| Arc::strong_count(lane) > 1);
            table.sweep_at = 2 * table.by_principal.len();
        }
        table.made += 1;
        let id = (self.number << 32) | table.made;
        let lane = Arc::new(Lane::new(id, Arc::clone(&self.gate)));
        table
            .by_principal
            .insert(principal.clone(), Arc::clone(&lane));
        lane
    }

    /// How many calls of one principal run at once: 1 keeps them in order.
    pub fn set_permits(&self, permits: usize) {
        self.set(|setting| setting.permits = permits.max(1));
    }

    /// Gives out no turn until the pause is dropped.
    pub fn pause(self: &Arc<Self>) -> Pause {
        self.set(|setting| setting.pauses += 1);
        Pause(Arc::clone(self))
    }

    fn set(&self, change: impl FnOnce(&mut Setting)) {
        self.gate.set(change);
        for lane in self.lanes() {
            lane.gate_changed();
        }
    }

    /// How many wait for a turn.
    pub fn queued(&self) -> usize {
        self.lanes().iter().map(|lane| lane.queued()).sum()
    }

    /// Oldest first, so that what follows from it can be repeated.
    fn lanes(&self) -> Vec<Arc<Lane>> {
        let mut lanes: Vec<_> = self.table.lock().by_principal.values().cloned().collect();
        lanes.sort_unstable_by_key(|lane| lane.id());
        lanes
    }

    fn in_use(&self) -> bool {
        let table = self.table.lock();
        table
            .by_principal
            .values()
            .any(|lane| Arc::strong_count(lane) > 1)
    }
}

impl Pause {
    /// Waits until no call of the capsule runs. May be dropped and called again.
    ///
    /// # Errors
    /// [`StillRunning`] when `limit` is over first.
    pub async fn drained<R: Runtime>(
        &self,
        runtime: &R,
        limit: std::time::Duration,
    ) -> Result<(), StillRunning> {
        let turns = || -> usize { self.0.lanes().iter().map(|lane| lane.turns()).sum() };
        let quiet = async {
            // While one was waited for, something may have begun beside another: pauses don't hold up nested calls.
            while turns() > 0 {
                for lane in self.0.lanes() {
                    lane.quiet().await;
                }
            }
        };
        let deadline = runtime.now().checked_add(limit);
        let quiet = within(runtime, deadline, quiet).await;
        quiet.ok_or_else(|| StillRunning { turns: turns() })
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.set(|setting| setting.pauses -= 1);
    }
}
