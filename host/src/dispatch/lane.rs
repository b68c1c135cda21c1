//! A lane: the gate through which the calls of one (capsule, principal) go, first come first served.
//!
//! [`Lane::enter`] takes a place at once; the [`Place`] becomes a [`Turn`] when those before it are done. So who calls
//! `enter` first is served first, however long anybody takes to wait for it. Dropping a place or a turn gives it up.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::lane_gate::LaneGate;
use crate::sync::Mutex;

/// The lane doesn't let anybody through any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lane is closed: the host is shutting down")]
pub struct Closed;

/// One principal's way into one capsule.
pub struct Lane {
    id: u64,
    gate: Arc<LaneGate>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Turns that were given out and not yet given back.
    running: usize,
    /// Turns beside the lane.
    beside: usize,
    /// Who waits, by ascending ticket. Whoever stands at an index below the number of free turns may take one.
    queue: VecDeque<Waiting>,
    next_ticket: u64,
    /// Who waits until nothing runs.
    until_quiet: Vec<Waker>,
}

struct Waiting {
    ticket: u64,
    waker: Option<Waker>,
}

/// A place in a lane. Resolves to the turn; fails if the lane is closed before that.
#[must_use = "dropping a place gives it up"]
pub struct Place(Standing);

enum Standing {
    /// A turn was free.
    Turn(Turn),
    Queued {
        lane: Arc<Lane>,
        ticket: u64,
    },
    /// It was given up, or became a turn.
    Gone,
}

/// The right to call into the capsule for the principal, until it is dropped.
#[must_use = "dropping a turn lets the next one in"]
pub struct Turn {
    lane: Arc<Lane>,
    beside: bool,
}

impl Lane {
    pub(super) fn new(id: u64, gate: Arc<LaneGate>) -> Self {
        Self {
            id,
            gate,
            state: Mutex::default(),
        }
    }

    /// Tells it from every other lane of its host; never 0.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Takes a turn if one is free now, and nobody waits for it.
    pub fn try_enter(self: &Arc<Self>) -> Option<Turn> {
        self.take(&mut self.state.lock())
    }

    /// Takes the next place.
    pub fn enter(self: &Arc<Self>) -> Place {
        let mut state = self.state.lock();
        if let Some(turn) = self.take(&mut state) {
            return Place(Standing::Turn(turn));
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.queue.push_back(Waiting {
            ticket,
            waker: None,
        });
        drop(state);
        Place(Standing::Queued {
            lane: Arc::clone(self),
            ticket,
        })
    }

    fn take(self: &Arc<Self>, state: &mut State) -> Option<Turn> {
        let free = state.queue.is_empty() && state.running < self.gate.open();
        free.then(|| {
            state.running += 1;
            Turn {
                lane: Arc::clone(self),
                beside: false,
            }
        })
    }

    /// A turn that waits for nobody, for what a running handler itself waits for. It delays nobody either, but a
    /// [drain](super::Pause::drained) waits for it.
    pub fn beside(self: &Arc<Self>) -> Turn {
        self.state.lock().beside += 1;
        Turn {
            lane: Arc::clone(self),
            beside: true,
        }
    }

    /// Waits until no turn is out. That lasts only while the lane is paused or closed.
    pub(super) async fn quiet(&self) {
        self.until(|state| state.turns() == 0).await;
    }

    /// Waits until no turn is out, and nobody waits for one.
    pub(super) async fn idle(&self) {
        self.until(|state| state.turns() == 0 && state.queue.is_empty())
            .await;
    }

    /// Waits for something that can only begin to hold when nothing runs.
    async fn until(&self, holds: impl Fn(&State) -> bool) {
        poll_fn(|context| {
            let mut state = self.state.lock();
            if holds(&state) {
                return Poll::Ready(());
            }
            let waker = context.waker();
            if !state.until_quiet.iter().any(|known| known.will_wake(waker)) {
                state.until_quiet.push(waker.clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// How many wait for a turn.
    pub(super) fn queued(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// How many turns are out.
    pub(super) fn turns(&self) -> usize {
        self.state.lock().turns()
    }

    /// The gate has changed: lets in who may go now, or tells all that it is closed.
    pub(super) fn gate_changed(&self) {
        let mut state = self.state.lock();
        let count = if self.gate.is_closed() {
            state.queue.len()
        } else {
            state.free(&self.gate).min(state.queue.len())
        };
        let wakers: Vec<Waker> = state
            .queue
            .iter_mut()
            .take(count)
            .filter_map(|waiting| waiting.waker.take())
            .collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn poll_turn(&self, ticket: u64, context: &Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = self.state.lock();
        let free = state.free(&self.gate);
        let at = match state.position(ticket) {
            Some(at) if at < free => {
                state.queue.remove(at);
                state.running += 1;
                return Poll::Ready(Ok(()));
            }
            Some(at) if !self.gate.is_closed() => at,
            at => {
                at.and_then(|at| state.queue.remove(at));
                return Poll::Ready(Err(Closed));
            }
        };
        let waker = context.waker();
        if let Some(waiting) = state.queue.get_mut(at)
            && !waiting
                .waker
                .as_ref()
                .is_some_and(|known| known.will_wake(waker))
        {
            waiting.waker = Some(waker.clone());
        }
        Poll::Pending
    }

    fn leave_queue(&self, ticket: u64) {
        let mut state = self.state.lock();
        let next = state.position(ticket).and_then(|at| {
            state.queue.remove(at);
            // Whoever moved up to a free turn may take it now.
            let free = state.free(&self.gate);
            if at < free { state.waker(free) } else { None }
        });
        let rested = state.rested();
        drop(state);
        if let Some(next) = next {
            next.wake();
        }
        rested.into_iter().for_each(Waker::wake);
    }

    fn give_back(&self, beside: bool) {
        let mut state = self.state.lock();
        let mut next = None;
        if beside {
            state.beside -= 1;
        } else {
            state.running -= 1;
            let free = state.free(&self.gate);
            next = state.waker(free);
        }
        let rested = state.rested();
        drop(state);
        if let Some(next) = next {
            next.wake();
        }
        rested.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// How many of the queue may go now.
    fn free(&self, gate: &LaneGate) -> usize {
        gate.open().saturating_sub(self.running)
    }

    /// How many turns are out.
    fn turns(&self) -> usize {
        self.running + self.beside
    }

    /// Who waits until nothing runs, if nothing does.
    fn rested(&mut self) -> Vec<Waker> {
        if self.turns() == 0 && !self.until_quiet.is_empty() {
            std::mem::take(&mut self.until_quiet)
        } else {
            Vec::new()
        }
    }

    fn position(&self, ticket: u64) -> Option<usize> {
        self.queue
            .binary_search_by_key(&ticket, |waiting| waiting.ticket)
            .ok()
    }

    /// The waker of the last one who may go when `free` may.
    fn waker(&mut self, free: usize) -> Option<Waker> {
        let last = free.checked_sub(1)?;
        self.queue.get_mut(last)?.waker.take()
    }
}

impl Place {
    /// The turn, if it came at once.
    pub(super) fn is_turn(&self) -> bool {
        matches!(self.0, Standing::Turn(_))
    }
}

impl From<Turn> for Place {
    fn from(turn: Turn) -> Self {
        Self(Standing::Turn(turn))
    }
}

impl Future for Place {
    type Output = Result<Turn, Closed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let came = match &self.0 {
            Standing::Queued { lane, ticket } => ready!(lane.poll_turn(*ticket, context)),
            Standing::Turn(_) | Standing::Gone => Ok(()),
        };
        // It is in the queue no more.
        let standing = std::mem::replace(&mut self.0, Standing::Gone);
        came?;
        Poll::Ready(match standing {
            Standing::Turn(turn) => Ok(turn),
            Standing::Queued { lane, .. } => Ok(Turn {
                lane,
                beside: false,
            }),
            Standing::Gone => Err(Closed),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Standing::Queued { lane, ticket } = &self.0 {
            lane.leave_queue(*ticket);
        }
    }
}

impl Turn {
    /// The lane that it is a turn of.
    pub fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.lane.give_back(self.beside);
    }
}
