//! The queue of one subscription: bounded, drops its oldest, and wakes who waits for it.
//!
//! Everything is under one short lock, in which no waker is called or dropped: that is foreign code, and comes after.
//! Whoever waits is only told to look again and takes nothing by being told, so a wait that is dropped loses nothing.
//! Generic over the lock, so that its tests run under simulated schedules.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::lock_api::{Mutex, RawMutex};
use tokio::time::Instant;

use super::message::Message;
use super::waiters::Waiters;
pub use crate::limits::bus::{BATCH_BYTES, BATCH_MESSAGES, QUEUE_BYTES, QUEUE_MESSAGES};

/// The least time between two reports that a subscription lags.
pub const REPORT_EVERY: Duration = Duration::from_secs(10);
/// Room for messages that an empty queue may keep.
const KEPT: usize = 32;

/// The subscription was closed: its owner is gone. What waited in it is gone too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the subscription is closed: its owner was unloaded")]
pub struct Closed;

/// Messages for one principal, in order, and how many the subscription lost.
#[derive(Debug, Default)]
pub struct Batch {
    /// At most [`BATCH_MESSAGES`] and about [`BATCH_BYTES`], all with the same attribution; or none.
    pub messages: Vec<Arc<Message>>,
    /// How many were dropped since the batch before this one.
    pub dropped: u64,
    /// How many were dropped since the subscription began.
    pub lagged: u64,
}

/// What a subscription has lost and not yet reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lag {
    /// Since the last report.
    pub dropped: u64,
    /// Since the subscription began.
    pub lagged: u64,
}

/// What became of a message that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits, and this many older ones were dropped for it.
    Queued { dropped: u64 },
    /// Nobody will read it.
    Closed,
}

/// What was taken.
#[derive(Debug)]
pub(super) struct Taken<T> {
    pub what: T,
    /// Whether the subscription lost messages that no report has told of.
    pub unreported: bool,
}

pub(super) struct Mailbox<R> {
    state: Mutex<R, State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Message>>,
    bytes: usize,
    /// What all mailboxes of the same owner hold, this one's bytes among it.
    held: Arc<AtomicUsize>,
    closed: bool,
    waiters: Waiters,
    /// Since the last batch.
    dropped: u64,
    lagged: u64,
    /// Since the last report.
    unreported: u64,
    reported: Option<Instant>,
}

impl<R: RawMutex> Mailbox<R> {
    /// A mailbox that counts what it holds in `held` as well.
    pub(super) fn new(held: Arc<AtomicUsize>) -> Self {
        let state = State {
            held,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Puts a message at the end; the oldest make room. Who is to be woken, once no lock is held, goes to `wake`.
    pub(super) fn push(&self, message: &Arc<Message>, wake: &mut Vec<Waker>) -> Pushed {
        let mut state = self.state.lock();
        if state.closed {
            return Pushed::Closed;
        }
        let size = message.size();
        let mut dropped = 0;
        while (state.queue.len() >= QUEUE_MESSAGES || state.bytes + size > QUEUE_BYTES)
            && state.pop().is_some()
        {
            dropped += 1;
        }
        state.queue.push_back(Arc::clone(message));
        state.bytes += size;
        state.held.fetch_add(size, Relaxed);
        state.lose(dropped);
        state.waiters.take(wake);
        Pushed::Queued { dropped }
    }

    /// Drops its oldest until there is `enough` room elsewhere, or nothing is left; tells how many went.
    pub(super) fn shed(&self, enough: impl Fn() -> bool) -> u64 {
        let mut state = self.state.lock();
        let mut dropped = 0;
        while !enough() && state.pop().is_some() {
            dropped += 1;
        }
        state.lose(dropped);
        dropped
    }

    /// Whether nobody will read it any more.
    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// About how many bytes wait in it.
    pub(super) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// Takes the next batch; an empty one if nothing waits.
    pub(super) fn batch(&self) -> Result<Taken<Batch>, Closed> {
        self.state.lock().batch()
    }

    /// Waits for a batch.
    pub(super) fn next_batch(&self) -> impl Future<Output = Result<Taken<Batch>, Closed>> + '_ {
        self.wait(|state| state.is_ready().then(|| state.batch()))
    }

    /// Waits for one message.
    pub(super) fn next_message(
        &self,
    ) -> impl Future<Output = Result<Taken<Arc<Message>>, Closed>> + '_ {
        self.wait(|state| {
            if state.closed {
                return Some(Err(Closed));
            }
            let message = state.pop()?;
            state.shrink();
            Some(Ok(state.taken(message)))
        })
    }

    /// Waits until there is a message, or the mailbox is closed; takes nothing.
    pub(super) fn ready(&self) -> impl Future<Output = ()> + '_ {
        self.wait(|state| state.is_ready().then_some(()))
    }

    /// Whether there is a message, or the mailbox is closed.
    pub(super) fn is_ready(&self) -> bool {
        self.state.lock().is_ready()
    }

    /// How many messages were lost since it began.
    pub(super) fn lagged(&self) -> u64 {
        self.state.lock().lagged
    }

    /// What is to be reported now, if anything; it then counts as reported.
    pub(super) fn report(&self, now: Instant) -> Option<Lag> {
        let mut state = self.state.lock();
        let early = |last| now.saturating_duration_since(last) < REPORT_EVERY;
        if state.unreported == 0 || state.reported.is_some_and(early) {
            return None;
        }
        state.reported = Some(now);
        Some(Lag {
            dropped: mem::take(&mut state.unreported),
            lagged: state.lagged,
        })
    }

    /// Ends it: what waits in it is dropped, and whoever waits for it is told.
    pub(super) fn close(&self) {
        let mut wake = Vec::new();
        let mut state = self.state.lock();
        state.closed = true;
        let bytes = mem::take(&mut state.bytes);
        state.held.fetch_sub(bytes, Relaxed);
        let queue = mem::take(&mut state.queue);
        state.waiters.take(&mut wake);
        drop(state);
        drop(queue);
        wake.into_iter().for_each(Waker::wake);
    }

    fn wait<T, L: FnMut(&mut State) -> Option<T> + Unpin>(&self, look: L) -> Wait<'_, R, L> {
        Wait {
            mailbox: self,
            look,
            waiter: None,
        }
    }
}

impl State {
    fn is_ready(&self) -> bool {
        self.closed || !self.queue.is_empty()
    }

    fn pop(&mut self) -> Option<Arc<Message>> {
        let oldest = self.queue.pop_front()?;
        self.bytes -= oldest.size();
        self.held.fetch_sub(oldest.size(), Relaxed);
        Some(oldest)
    }

    fn lose(&mut self, dropped: u64) {
        // Seldom: else these stay untouched, as a message to many is all about touching little memory for each.
        if dropped > 0 {
            self.dropped += dropped;
            self.lagged += dropped;
            self.unreported += dropped;
        }
    }

    fn batch(&mut self) -> Result<Taken<Batch>, Closed> {
        if self.closed {
            return Err(Closed);
        }
        let mut messages: Vec<Arc<Message>> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.queue.front() {
            bytes += next.size();
            // The first one always fits.
            if let Some(first) = messages.first()
                && (messages.len() >= BATCH_MESSAGES
                    || bytes > BATCH_BYTES
                    || next.attribution != first.attribution)
            {
                break;
            }
            messages.extend(self.pop());
        }
        self.shrink();
        let batch = Batch {
            messages,
            dropped: mem::take(&mut self.dropped),
            lagged: self.lagged,
        };
        Ok(self.taken(batch))
    }

    fn taken<T>(&self, what: T) -> Taken<T> {
        Taken {
            what,
            unreported: self.unreported > 0,
        }
    }

    fn shrink(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > KEPT {
            self.queue = VecDeque::new();
        }
    }
}

/// Looks, and waits while there is nothing to see. Takes only in the step that resolves it, so it may be dropped at any
/// time.
struct Wait<'a, R: RawMutex, L> {
    mailbox: &'a Mailbox<R>,
    look: L,
    waiter: Option<u64>,
}

impl<R: RawMutex, T, L: FnMut(&mut State) -> Option<T> + Unpin> Future for Wait<'_, R, L> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let wait = self.get_mut();
        let mut state = wait.mailbox.state.lock();
        let before = wait
            .waiter
            .take()
            .and_then(|waiter| state.waiters.remove(waiter));
        let seen = (wait.look)(&mut state);
        if seen.is_none() {
            wait.waiter = Some(state.waiters.add(context.waker().clone()));
        }
        drop(state);
        drop(before);
        seen.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<R: RawMutex, L> Drop for Wait<'_, R, L> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            let waker = self.mailbox.state.lock().waiters.remove(waiter);
            drop(waker);
        }
    }
}

#[cfg(test)]
#[path = "mailbox_tests.rs"]
mod tests;
