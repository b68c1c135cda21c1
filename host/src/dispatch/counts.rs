//! What admitted events hold, counted against the [`Limits`]: what is in flight, what waits in each lane, and what
//! observers hold. Everything in here happens under the lock of the admission.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::Limit;
use super::handler::HandlerFailure;
use super::lane::{Lane, Place};
use super::limits::{Amount, Limits};
use crate::names::PrincipalId;

/// What is going on, and what there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events admitted and not yet done.
    pub in_flight: usize,
    /// Bytes that these hold.
    pub bytes: usize,
    /// Observers that run or wait in their lanes.
    pub observers: usize,
    /// Events that wait for admission.
    pub waiting: usize,
    /// Events admitted ever.
    pub admitted: u64,
    /// Events refused for want of room ever.
    pub backpressure: u64,
    /// Observers that were not run for want of room ever.
    pub unobserved: u64,
    /// Events refused because they were nested too deep, ever.
    pub too_deep: u64,
}

pub(super) struct Counts {
    limits: Limits,
    events: Amount,
    observers: Amount,
    admitted: u64,
    unobserved: u64,
    accounts: HashMap<PrincipalId, Account>,
    /// What lowers the number of events of a principal.
    quota: Option<EventQuota>,
}

/// How many events of a principal may be in flight, of which there are so many now.
pub type EventQuota = Box<dyn Fn(&PrincipalId, usize) -> usize + Send + Sync>;

/// What is held for one principal.
#[derive(Default)]
struct Account {
    events: Amount,
    observers: Amount,
    /// The lanes in which events wait, by id, with how many: few at a time.
    lanes: Vec<(u64, usize)>,
}

/// A place in a lane, and whether it counts as one that waits there.
pub(super) struct Counted {
    pub(super) place: Place,
    pub(super) waits: bool,
}

impl Counts {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            events: Amount::default(),
            observers: Amount::default(),
            admitted: 0,
            unobserved: 0,
            accounts: HashMap::new(),
            quota: None,
        }
    }

    /// From now on a principal may have fewer.
    pub(super) fn lower_by(&mut self, quota: EventQuota) {
        self.quota = Some(quota);
    }

    /// How many events of a principal are in flight.
    pub(super) fn in_flight(&self, principal: &PrincipalId) -> usize {
        let account = self.accounts.get(principal);
        account.map_or(0, |account| account.events.events)
    }

    /// Its part of the figures.
    pub(super) fn figures(&self) -> Figures {
        Figures {
            in_flight: self.events.events,
            bytes: self.events.bytes,
            observers: self.observers.events,
            admitted: self.admitted,
            unobserved: self.unobserved,
            ..Figures::default()
        }
    }

    /// Whether nothing is in flight, and nothing is observed.
    pub(super) fn is_empty(&self) -> bool {
        self.events.events == 0 && self.observers.events == 0
    }

    /// Whether no principal may have more in flight.
    pub(super) fn is_full(&self) -> bool {
        self.events.reaches(self.limits.events.host)
    }

    /// What keeps the principal from having more in flight.
    pub(super) fn full(&self, principal: &PrincipalId) -> Option<Limit> {
        let budget = &self.limits.events;
        if self.is_full() {
            return Some(Limit::Host);
        }
        let account = self.accounts.get(principal)?;
        let events = account.events.events;
        // Asked only of a principal that has events in flight: most have none.
        let quota = self.quota.as_ref().map(|quota| quota(principal, events));
        let full =
            account.events.reaches(budget.principal) || quota.is_some_and(|quota| events >= quota);
        full.then_some(Limit::Principal)
    }

    /// The lanes of a principal in which no more events may wait.
    pub(super) fn crowded(&self, principal: &PrincipalId) -> impl Fn(u64) -> bool {
        let account = self.accounts.get(principal);
        let lanes = account.map_or(&[][..], |account| &account.lanes);
        let most = self.limits.lane;
        move |id| {
            lanes
                .iter()
                .any(|(lane, waiting)| *lane == id && *waiting >= most)
        }
    }

    /// An event that holds so many bytes is admitted.
    pub(super) fn admit(&mut self, principal: &PrincipalId, bytes: usize) {
        self.admitted += 1;
        self.events.add(bytes);
        self.account(principal).events.add(bytes);
    }

    /// An event in flight holds more than before.
    pub(super) fn grow(&mut self, principal: &PrincipalId, bytes: usize) {
        self.events.bytes += bytes;
        self.account(principal).events.bytes += bytes;
    }

    /// An event is done.
    pub(super) fn done(&mut self, principal: &PrincipalId, bytes: usize) {
        self.events.remove(bytes);
        self.account(principal).events.remove(bytes);
        self.tidy(principal);
    }

    /// Takes the next place in a lane of the principal's.
    pub(super) fn enter(&mut self, principal: &PrincipalId, lane: &Arc<Lane>) -> Counted {
        let place = lane.enter();
        let waits = !place.is_turn();
        if waits {
            self.account(principal).waits_in(lane.id());
        }
        Counted { place, waits }
    }

    /// The same for an observer, if there is room in the lane.
    pub(super) fn enter_beside(
        &mut self,
        principal: &PrincipalId,
        lane: &Arc<Lane>,
    ) -> Result<Counted, HandlerFailure> {
        if self.crowded(principal)(lane.id()) {
            let most = self.limits.lane;
            return Err(self.unobserved(format!("{most} events of {principal} wait in its lane")));
        }
        Ok(self.enter(principal, lane))
    }

    /// The same for an observer that nobody waits for, which holds so many bytes.
    pub(super) fn observe(
        &mut self,
        principal: &PrincipalId,
        lane: &Arc<Lane>,
        bytes: usize,
    ) -> Result<Counted, HandlerFailure> {
        let budget = self.limits.observers;
        let account = self.accounts.get(principal);
        let held = account.map_or_else(Amount::default, |account| account.observers);
        if held.reaches(budget.principal) {
            return Err(self.unobserved(format!(
                "{} observed events of {principal} hold {} bytes",
                held.events, held.bytes
            )));
        }
        let held = self.observers;
        if held.reaches(budget.host) {
            return Err(self.unobserved(format!(
                "{} observed events of the host hold {} bytes",
                held.events, held.bytes
            )));
        }
        let counted = self.enter_beside(principal, lane)?;
        self.observers.add(bytes);
        self.account(principal).observers.add(bytes);
        Ok(counted)
    }

    /// An observer is done.
    pub(super) fn observed(&mut self, principal: &PrincipalId, bytes: usize) {
        self.observers.remove(bytes);
        self.account(principal).observers.remove(bytes);
        self.tidy(principal);
    }

    /// An event waits in a lane no longer.
    pub(super) fn left_lane(&mut self, principal: &PrincipalId, lane: u64) {
        self.account(principal).left(lane);
        self.tidy(principal);
    }

    fn unobserved(&mut self, why: String) -> HandlerFailure {
        self.unobserved += 1;
        let text = format!("it was not run, for want of room: {why}");
        HandlerFailure::new(HandlerFailure::BACKPRESSURE, text)
    }

    fn account(&mut self, principal: &PrincipalId) -> &mut Account {
        if !self.accounts.contains_key(principal) {
            self.accounts.insert(principal.clone(), Account::default());
        }
        self.accounts
            .get_mut(principal)
            .expect("it was there, or has just been put there")
    }

    /// Forgets a principal for whom nothing is going on.
    fn tidy(&mut self, principal: &PrincipalId) {
        if self.accounts.get(principal).is_some_and(Account::is_empty) {
            self.accounts.remove(principal);
        }
    }
}

impl Account {
    fn is_empty(&self) -> bool {
        self.events.events == 0 && self.observers.events == 0 && self.lanes.is_empty()
    }

    fn waits_in(&mut self, id: u64) {
        match self.lanes.iter_mut().find(|(lane, _)| *lane == id) {
            Some((_, waiting)) => *waiting += 1,
            None => self.lanes.push((id, 1)),
        }
    }

    fn left(&mut self, id: u64) {
        let Some(at) = self.lanes.iter().position(|(lane, _)| *lane == id) else {
            return;
        };
        self.lanes[at].1 -= 1;
        if self.lanes[at].1 == 0 {
            self.lanes.swap_remove(at);
        }
    }
}
