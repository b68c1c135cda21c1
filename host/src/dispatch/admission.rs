//! Admission: which events are taken now, which wait outside, and which are refused.
//!
//! To be admitted is one step under one lock: there is room for what is in flight, and in the lane of each handler of
//! the event's chain fewer wait than may ([`Limits`]); the counts go up and the event takes its first places. So places
//! are taken in the order of admission. An event that waits is whole in a queue and holds nothing; it is admitted by
//! whatever makes the room, so nothing is lost between being let in and noticing it.
//!
//! Order: events that want the same lanes are admitted first come first served, and of one principal's that find room,
//! the one that came first. When the host is full, principals take turns. Room is given away in the step that makes it;
//! so an event that finds all the room it needs may take it, because then none that wants the same waits.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Poll, Waker};

use super::counts::{Counts, Figures};
use super::error::Limit;
use super::limits::Limits;
use super::outside::Outside;
use crate::names::PrincipalId;
use crate::sync::Mutex;

/// Something to be admitted.
pub(super) trait Entrant {
    /// For whom.
    fn principal(&self) -> &PrincipalId;
    /// The bytes that it holds.
    fn bytes(&self) -> usize;
    /// The lanes of the handlers of its chain, the first one first.
    fn lanes(&self) -> impl Iterator<Item = u64>;
    /// The bindings have changed since it was made.
    fn bindings_changed(&mut self);
    /// It is admitted: it takes its first places.
    fn admit(&mut self, counts: &mut Counts);
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
    /// As the state says; apart from it so that reading it takes no lock.
    closed: AtomicBool,
    state: Mutex<State<E>>,
}

struct State<E> {
    closed: bool,
    /// Counts changes of the bindings.
    bindings: u64,
    counts: Counts,
    waiting: usize,
    backpressure: u64,
    /// What waits, by principal; only principals for whom something does.
    outside: HashMap<PrincipalId, Outside<E>>,
    /// These principals, each once; the one that is served goes to the back.
    ring: VecDeque<PrincipalId>,
    next_ticket: u64,
    /// Admitted, and to be started by whoever is at it.
    granted: VecDeque<E>,
    starting: bool,
    until_empty: Vec<Waker>,
}

impl<E: Entrant> Admission<E> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            closed: AtomicBool::new(false),
            state: Mutex::new(State {
                closed: false,
                bindings: 0,
                counts: Counts::new(limits),
                waiting: 0,
                backpressure: 0,
                outside: HashMap::new(),
                ring: VecDeque::new(),
                next_ticket: 0,
                granted: VecDeque::new(),
                starting: false,
                until_empty: Vec::new(),
            }),
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let state = self.state.lock();
        Figures {
            waiting: state.waiting,
            backpressure: state.backpressure,
            ..state.counts.figures()
        }
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

    /// What is held, for an event that is in flight already or needs no admission.
    pub(super) fn counts<T>(&self, count: impl FnOnce(&mut Counts) -> T) -> T {
        count(&mut self.state.lock().counts)
    }

    /// An event wants in, and waits for room. `bindings` is as it was before its chain was looked up.
    pub(super) fn ask(&self, mut entrant: E, bindings: u64) -> Asked<E> {
        let mut state = self.state.lock();
        let state = &mut *state;
        match state.room_for(&mut entrant, bindings) {
            Ok(()) => {
                state.admit(&mut entrant);
                Asked::Admitted(entrant)
            }
            Err(Refusal::Closed) => Asked::Refused(entrant),
            Err(Refusal::Full(_)) => {
                let ticket = state.next_ticket;
                state.next_ticket += 1;
                state.waiting += 1;
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
        match state.room_for(&mut entrant, bindings) {
            Ok(()) => {
                if let Err(unpaid) = pay() {
                    return AskedNow::Unpaid(unpaid);
                }
                state.admit(&mut entrant);
                AskedNow::Admitted(entrant)
            }
            Err(refusal) => {
                if let Refusal::Full(_) = refusal {
                    state.backpressure += 1;
                }
                AskedNow::Refused(refusal, entrant)
            }
        }
    }

    /// Nobody waits for it any more: takes it out, with the bound that kept it out, unless it was admitted.
    pub(super) fn forget(&self, principal: &PrincipalId, ticket: u64) -> Option<(Limit, E)> {
        let mut state = self.state.lock();
        let limit = state.counts.full(principal).unwrap_or(Limit::Lane);
        let entrant = state.outside.get_mut(principal)?.remove(ticket)?;
        state.waiting -= 1;
        state.tidy(principal);
        Some((limit, entrant))
    }

    /// An event of the principal is done.
    pub(super) fn done(&self, principal: &PrincipalId, bytes: usize, start: impl Fn(E)) {
        let mut state = self.state.lock();
        let was_full = state.counts.is_full();
        state.counts.done(principal, bytes);
        if was_full {
            state.settle_all();
        } else {
            state.settle(principal);
        }
        let wakers = state.wakers();
        self.start(state, start);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// An observer of the principal is done.
    pub(super) fn observed(&self, principal: &PrincipalId, bytes: usize) {
        let mut state = self.state.lock();
        state.counts.observed(principal, bytes);
        let wakers = state.wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// An event waits in a lane no longer.
    pub(super) fn left_lane(&self, principal: &PrincipalId, lane: u64, start: impl Fn(E)) {
        let mut state = self.state.lock();
        state.counts.left_lane(principal, lane);
        state.settle(principal);
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
        state.settle_all();
        self.start(state, start);
    }

    /// Lets nobody in any more; returns what waited.
    pub(super) fn close(&self) -> Vec<E> {
        let mut state = self.state.lock();
        state.closed = true;
        self.closed.store(true, SeqCst);
        state.waiting = 0;
        state.ring.clear();
        let waiting = state.take_waiting();
        waiting.into_iter().map(|(_, entrant)| entrant).collect()
    }

    /// Waits until nothing is in flight, and nothing is observed.
    pub(super) async fn empty(&self) {
        poll_fn(|context| {
            let mut state = self.state.lock();
            if state.counts.is_empty() {
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
    fn room_for(&self, entrant: &mut E, bindings: u64) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        if self.bindings != bindings {
            entrant.bindings_changed();
        }
        if let Some(limit) = self.counts.full(entrant.principal()) {
            return Err(Refusal::Full(limit));
        }
        if entrant
            .lanes()
            .any(self.counts.crowded(entrant.principal()))
        {
            return Err(Refusal::Full(Limit::Lane));
        }
        Ok(())
    }

    fn admit(&mut self, entrant: &mut E) {
        self.counts.admit(entrant.principal(), entrant.bytes());
        entrant.admit(&mut self.counts);
    }

    fn wait(&mut self, ticket: u64, entrant: E) {
        let principal = entrant.principal().clone();
        let outside = match self.outside.get_mut(&principal) {
            Some(outside) => outside,
            None => {
                self.ring.push_back(principal.clone());
                self.outside.entry(principal).or_default()
            }
        };
        outside.add(entrant.lanes().collect(), ticket, entrant);
    }

    /// Admits of a principal's what waits longest of what finds room.
    fn admit_one(&mut self, principal: &PrincipalId) -> bool {
        let Some(outside) = self.outside.get_mut(principal) else {
            return false;
        };
        let is_full = self.counts.full(principal).is_some();
        let next = outside.next(is_full, self.counts.crowded(principal));
        let Some(mut entrant) = next else {
            return false;
        };
        self.waiting -= 1;
        self.admit(&mut entrant);
        self.granted.push_back(entrant);
        true
    }

    /// Admits whatever of a principal's finds room.
    fn settle(&mut self, principal: &PrincipalId) {
        if self.waiting > 0 {
            while self.admit_one(principal) {}
            self.tidy(principal);
        }
    }

    /// Admits whatever finds room; principals take turns.
    fn settle_all(&mut self) {
        let mut in_vain = 0;
        while in_vain < self.ring.len() && !self.counts.is_full() {
            let Some(principal) = self.ring.pop_front() else {
                return;
            };
            in_vain = if self.admit_one(&principal) {
                0
            } else {
                in_vain + 1
            };
            if self.outside.get(&principal).is_some_and(Outside::is_empty) {
                self.outside.remove(&principal);
            } else {
                self.ring.push_back(principal);
            }
        }
    }

    /// Everything that waits, in order.
    fn take_waiting(&mut self) -> Vec<(u64, E)> {
        let outside = std::mem::take(&mut self.outside);
        self.ring.clear();
        let mut all: Vec<_> = outside
            .into_values()
            .flat_map(Outside::into_waiting)
            .collect();
        all.sort_unstable_by_key(|(ticket, _)| *ticket);
        all
    }

    /// Forgets a principal for whom nothing waits.
    fn tidy(&mut self, principal: &PrincipalId) {
        if self.outside.get(principal).is_some_and(Outside::is_empty) {
            self.outside.remove(principal);
            self.ring.retain(|other| other != principal);
        }
    }

    fn wakers(&mut self) -> Vec<Waker> {
        if self.counts.is_empty() {
            std::mem::take(&mut self.until_empty)
        } else {
            Vec::new()
        }
    }
}
