//! Admission: which events are taken now, which wait, and which are refused.
//!
//! Three numbers are bounded: the events queued in a lane for their first handler, and those in flight for a principal
//! and for the host. To be admitted is one step under one lock: the counts go up and the event takes its places, so
//! places are taken in the order of admission. Whoever waits is a whole event in a queue and holds nothing; it is
//! admitted by whoever makes the room, so nothing is lost between being let in and noticing it.
//!
//! Order: those who want the same lane are admitted first come first served, and of one principal's lanes that have
//! room, the one whose event came first. When the host is full, principals take turns. Room is given away in the step
//! that makes it; so an event that finds room for all it needs may take it, because then nobody waits for the same.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Poll, Waker};

use super::error::Limit;
use crate::principal::PrincipalId;
use crate::sync::Mutex;

/// How many events there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Queued in a lane for their first handler: 64. One that is being handled isn't queued.
    pub lane: usize,
    /// In flight for a principal: 256.
    pub principal: usize,
    /// In flight for the host: 4,096.
    pub host: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lane: 64,
            principal: 256,
            host: 4_096,
        }
    }
}

/// What is going on, and what there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events admitted and not yet done, their observers included.
    pub in_flight: usize,
    /// Events that wait for admission.
    pub waiting: usize,
    /// Events admitted ever.
    pub admitted: u64,
    /// Events refused for want of room ever.
    pub backpressure: u64,
    /// Events refused because they were nested too deep, ever.
    pub too_deep: u64,
}

/// Something to be admitted.
pub(super) trait Entrant {
    /// For whom.
    fn principal(&self) -> &PrincipalId;
    /// The lane whose queue for first handlers it joins; 0 if none.
    fn first_lane(&self) -> u64;
    /// The bindings have changed since it was made.
    fn bindings_changed(&mut self);
    /// It is admitted: it takes its places. Tells whether it is queued for its first handler.
    fn admit(&mut self) -> bool;
}

/// What came of asking by one that may wait.
pub(super) enum Asked<E> {
    /// It is admitted, and the caller's to start.
    Admitted(E),
    /// It waits, under this ticket.
    Waits(u64),
    /// The door is closed.
    Refused(E),
}

/// What came of asking by one that may not wait.
pub(super) enum AskedNow<E, P> {
    /// It is admitted, and the caller's to start.
    Admitted(E),
    /// There was room, and it can't be paid for.
    Unpaid(P),
    /// It is refused.
    Refused(Refusal, E),
}

pub(super) enum Refusal {
    Full(Limit),
    Closed,
}

/// The door.
pub(super) struct Admission<E> {
    limits: Limits,
    /// As the state says; apart from it so that reading it takes no lock.
    closed: AtomicBool,
    state: Mutex<State<E>>,
}

struct State<E> {
    closed: bool,
    /// Counts changes of the bindings.
    bindings: u64,
    figures: Figures,
    accounts: HashMap<PrincipalId, Account<E>>,
    /// Principals that have somebody waiting, each once; who is served goes to the back.
    ring: VecDeque<PrincipalId>,
    next_ticket: u64,
    /// Admitted, and to be started by whoever is at it.
    granted: VecDeque<E>,
    starting: bool,
    until_empty: Vec<Waker>,
}

struct Account<E> {
    in_flight: usize,
    in_ring: bool,
    firsts: Vec<First<E>>,
}

/// A lane as the first one of events.
struct First<E> {
    lane: u64,
    queued: usize,
    waiting: VecDeque<(u64, E)>,
}

impl<E: Entrant> Admission<E> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            closed: AtomicBool::new(false),
            state: Mutex::new(State {
                closed: false,
                bindings: 0,
                figures: Figures::default(),
                accounts: HashMap::new(),
                ring: VecDeque::new(),
                next_ticket: 0,
                granted: VecDeque::new(),
                starting: false,
                until_empty: Vec::new(),
            }),
        }
    }

    pub(super) fn figures(&self) -> Figures {
        self.state.lock().figures
    }

    /// Whether anybody is let in.
    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(SeqCst)
    }

    /// Counts changes of the bindings: what is looked up after this is no older. None once the door is closed.
    pub(super) fn bindings(&self) -> Option<u64> {
        let state = self.state.lock();
        (!state.closed).then_some(state.bindings)
    }

    /// An event wants in, and waits for room. `bindings` is as it was before its chain was looked up.
    pub(super) fn ask(&self, mut entrant: E, bindings: u64) -> Asked<E> {
        let mut state = self.state.lock();
        let state = &mut *state;
        match state.room_for(&self.limits, &mut entrant, bindings) {
            Ok(()) => {
                state.admit(&mut entrant);
                Asked::Admitted(entrant)
            }
            Err(Refusal::Closed) => Asked::Refused(entrant),
            Err(Refusal::Full(_)) => {
                let ticket = state.next_ticket;
                state.next_ticket += 1;
                state.figures.waiting += 1;
                state.wait(ticket, entrant);
                Asked::Waits(ticket)
            }
        }
    }

    /// An event wants in now or not at all. `pay` is asked in the step that admits it, and only if there is room: what
    /// is refused costs nothing. It must not come back here.
    pub(super) fn ask_now<P>(
        &self,
        mut entrant: E,
        bindings: u64,
        pay: impl FnOnce() -> Result<(), P>,
    ) -> AskedNow<E, P> {
        let mut state = self.state.lock();
        let state = &mut *state;
        match state.room_for(&self.limits, &mut entrant, bindings) {
            Ok(()) => {
                if let Err(unpaid) = pay() {
                    return AskedNow::Unpaid(unpaid);
                }
                state.admit(&mut entrant);
                AskedNow::Admitted(entrant)
            }
            Err(refusal) => {
                if let Refusal::Full(_) = refusal {
                    state.figures.backpressure += 1;
                }
                AskedNow::Refused(refusal, entrant)
            }
        }
    }

    /// Nobody waits for it any more: takes it out, with the bound that kept it out, unless it was admitted.
    pub(super) fn forget(&self, principal: &PrincipalId, ticket: u64) -> Option<(Limit, E)> {
        let mut state = self.state.lock();
        let limit = state.full(&self.limits, principal);
        let account = state.accounts.get_mut(principal)?;
        let (lane, entrant) = account.firsts.iter_mut().find_map(|first| {
            let key = |(ticket, _): &(u64, E)| *ticket;
            let at = first.waiting.binary_search_by_key(&ticket, key).ok()?;
            Some((first.lane, first.waiting.remove(at)?.1))
        })?;
        account.tidy(lane);
        state.tidy(principal);
        state.figures.waiting -= 1;
        Some((limit.unwrap_or(Limit::Lane), entrant))
    }

    /// Room for something that isn't dispatched as an event of its own, if there is any now.
    pub(super) fn take_room(&self, principal: &PrincipalId) -> bool {
        let mut state = self.state.lock();
        if state.closed || state.full(&self.limits, principal).is_some() {
            state.figures.backpressure += 1;
            return false;
        }
        state.figures.in_flight += 1;
        state.account(principal).in_flight += 1;
        true
    }

    /// An event of the principal is done.
    pub(super) fn done(&self, principal: &PrincipalId, start: impl Fn(E)) {
        let mut state = self.state.lock();
        let was_full = state.figures.in_flight >= self.limits.host;
        state.figures.in_flight -= 1;
        state.account(principal).in_flight -= 1;
        if state.figures.waiting > 0 {
            if was_full {
                state.settle_all(&self.limits);
            } else {
                while state.admit_one(&self.limits, principal) {}
            }
        }
        state.tidy(principal);
        let wakers = state.wakers();
        self.start(state, start);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// An event has left the queue for its first handler.
    pub(super) fn left_queue(&self, principal: &PrincipalId, lane: u64, start: impl Fn(E)) {
        let mut state = self.state.lock();
        let account = state.account(principal);
        account.first(lane).queued -= 1;
        if state.figures.waiting > 0 {
            while state.admit_one(&self.limits, principal) {}
        }
        state.account(principal).tidy(lane);
        state.tidy(principal);
        self.start(state, start);
    }

    /// The bindings have changed: events that are admitted from now on see it, those that wait included.
    pub(super) fn bindings_changed(&self, start: impl Fn(E)) {
        let mut state = self.state.lock();
        state.bindings += 1;
        for (ticket, mut entrant) in state.take_waiting() {
            entrant.bindings_changed();
            state.wait(ticket, entrant);
        }
        state.settle_all(&self.limits);
        self.start(state, start);
    }

    /// Lets nobody in any more; returns who waited.
    pub(super) fn close(&self) -> Vec<E> {
        let mut state = self.state.lock();
        state.closed = true;
        self.closed.store(true, SeqCst);
        state.figures.waiting = 0;
        let waiting = state.take_waiting();
        for principal in std::mem::take(&mut state.ring) {
            state.account(&principal).in_ring = false;
            state.tidy(&principal);
        }
        waiting.into_iter().map(|(_, entrant)| entrant).collect()
    }

    /// Waits until nothing is in flight.
    pub(super) async fn empty(&self) {
        poll_fn(|context| {
            let mut state = self.state.lock();
            if state.figures.in_flight == 0 {
                return Poll::Ready(());
            }
            let waker = context.waker();
            if !state.until_empty.iter().any(|known| known.will_wake(waker)) {
                state.until_empty.push(waker.clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Starts what was granted, outside the lock. One at a time is at it: starting may end an event, and that may
    /// grant more, which would nest without end.
    fn start<'a>(
        &'a self,
        mut state: impl std::ops::DerefMut<Target = State<E>> + 'a,
        start: impl Fn(E),
    ) {
        if state.starting || state.granted.is_empty() {
            return;
        }
        state.starting = true;
        drop(state);
        loop {
            let mut state = self.state.lock();
            let Some(entrant) = state.granted.pop_front() else {
                state.starting = false;
                return;
            };
            drop(state);
            start(entrant);
        }
    }
}

impl<E: Entrant> State<E> {
    /// Whether it may come in.
    fn room_for(&self, limits: &Limits, entrant: &mut E, bindings: u64) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        if self.bindings != bindings {
            entrant.bindings_changed();
        }
        let lacking = self.lacking(limits, entrant);
        lacking.map_or(Ok(()), |limit| Err(Refusal::Full(limit)))
    }

    /// The first bound that keeps it out.
    fn lacking(&self, limits: &Limits, entrant: &E) -> Option<Limit> {
        if let Some(limit) = self.full(limits, entrant.principal()) {
            return Some(limit);
        }
        let lane = entrant.first_lane();
        let firsts = &self.accounts.get(entrant.principal())?.firsts;
        let first = firsts.iter().find(|first| first.lane == lane)?;
        first.is_full(limits).then_some(Limit::Lane)
    }

    fn full(&self, limits: &Limits, principal: &PrincipalId) -> Option<Limit> {
        if self.figures.in_flight >= limits.host {
            return Some(Limit::Host);
        }
        let account = self.accounts.get(principal)?;
        (account.in_flight >= limits.principal).then_some(Limit::Principal)
    }

    fn admit(&mut self, entrant: &mut E) {
        let lane = entrant.first_lane();
        self.figures.in_flight += 1;
        self.figures.admitted += 1;
        let queued = entrant.admit();
        let account = self.account(entrant.principal());
        account.in_flight += 1;
        if queued {
            account.first(lane).queued += 1;
        }
    }

    fn wait(&mut self, ticket: u64, entrant: E) {
        let principal = entrant.principal().clone();
        let account = self.account(&principal);
        let first = account.first(entrant.first_lane());
        first.waiting.push_back((ticket, entrant));
        if !std::mem::replace(&mut account.in_ring, true) {
            self.ring.push_back(principal);
        }
    }

    /// Admits the one of a principal's that waits longest, of those whose lane has room.
    fn admit_one(&mut self, limits: &Limits, principal: &PrincipalId) -> bool {
        if self.full(limits, principal).is_some() {
            return false;
        }
        let Some(account) = self.accounts.get_mut(principal) else {
            return false;
        };
        let firsts = account.firsts.iter_mut();
        let with_room = firsts.filter(|first| !first.is_full(limits));
        let waiting = with_room.filter(|first| !first.waiting.is_empty());
        let oldest = waiting.min_by_key(|first| first.waiting.front().map(|(ticket, _)| *ticket));
        let Some((lane, (_, mut entrant))) =
            oldest.and_then(|first| Some((first.lane, first.waiting.pop_front()?)))
        else {
            return false;
        };
        self.figures.waiting -= 1;
        self.admit(&mut entrant);
        self.granted.push_back(entrant);
        self.account(principal).tidy(lane);
        true
    }

    /// Admits whoever may come in; principals take turns.
    fn settle_all(&mut self, limits: &Limits) {
        let mut in_vain = 0;
        while in_vain < self.ring.len() && self.figures.in_flight < limits.host {
            let Some(principal) = self.ring.pop_front() else {
                return;
            };
            self.account(&principal).in_ring = false;
            in_vain = if self.admit_one(limits, &principal) {
                0
            } else {
                in_vain + 1
            };
            let account = self.account(&principal);
            if account.is_waiting() {
                account.in_ring = true;
                self.ring.push_back(principal);
            } else {
                self.tidy(&principal);
            }
        }
    }

    /// Everybody who waits, in order.
    fn take_waiting(&mut self) -> Vec<(u64, E)> {
        let mut all = Vec::new();
        for account in self.accounts.values_mut() {
            for first in &mut account.firsts {
                all.extend(first.waiting.drain(..));
            }
            account.firsts.retain(|first| first.queued > 0);
        }
        all.sort_unstable_by_key(|(ticket, _)| *ticket);
        all
    }

    fn account(&mut self, principal: &PrincipalId) -> &mut Account<E> {
        if !self.accounts.contains_key(principal) {
            let account = Account {
                in_flight: 0,
                in_ring: false,
                firsts: Vec::new(),
            };
            self.accounts.insert(principal.clone(), account);
        }
        self.accounts
            .get_mut(principal)
            .expect("it was there, or has just been put there")
    }

    /// Forgets a principal for whom nothing is going on, and its place in the ring when nobody waits.
    fn tidy(&mut self, principal: &PrincipalId) {
        let Some(account) = self.accounts.get_mut(principal) else {
            return;
        };
        if account.in_ring && !account.is_waiting() {
            account.in_ring = false;
            self.ring.retain(|other| other != principal);
        }
        if account.in_flight == 0 && account.firsts.is_empty() {
            self.accounts.remove(principal);
        }
    }

    fn wakers(&mut self) -> Vec<Waker> {
        if self.figures.in_flight == 0 {
            std::mem::take(&mut self.until_empty)
        } else {
            Vec::new()
        }
    }
}

impl<E> Account<E> {
    fn first(&mut self, lane: u64) -> &mut First<E> {
        let at = self.firsts.iter().position(|first| first.lane == lane);
        let at = at.unwrap_or_else(|| {
            self.firsts.push(First {
                lane,
                queued: 0,
                waiting: VecDeque::new(),
            });
            self.firsts.len() - 1
        });
        &mut self.firsts[at]
    }

    fn tidy(&mut self, lane: u64) {
        self.firsts
            .retain(|first| first.lane != lane || first.queued > 0 || !first.waiting.is_empty());
    }

    fn is_waiting(&self) -> bool {
        self.firsts.iter().any(|first| !first.waiting.is_empty())
    }
}

impl<E> First<E> {
    fn is_full(&self, limits: &Limits) -> bool {
        // Without a lane there is no queue.
        self.lane != 0 && self.queued >= limits.lane
    }
}
