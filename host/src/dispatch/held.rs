//! What an event or an observer holds of what all share. Each is counted when it is taken, under the lock of the
//! admission, and given back when it is dropped; which must not happen under that lock.

use std::sync::Arc;

use super::counts::Counted;
use super::handler::Handler;
use super::lane::{Closed, Lane, Place, Turn};
use super::room::Inner;
use super::runtime::Runtime;
use crate::names::PrincipalId;

/// One of the events in flight.
pub(super) struct InFlight<H: Handler, R: Runtime> {
    inner: Arc<Inner<H, R>>,
    principal: PrincipalId,
    bytes: usize,
}

/// One of the observers that nobody waits for.
pub(super) struct Observing<H: Handler, R: Runtime> {
    inner: Arc<Inner<H, R>>,
    principal: PrincipalId,
    bytes: usize,
}

/// A place in a lane, counted while it waits there.
pub(super) struct Stand<H: Handler, R: Runtime> {
    // Left in this order: what comes in for it finds the place free.
    place: Place,
    waits: Option<Waits<H, R>>,
}

/// One of the events that wait in a lane.
struct Waits<H: Handler, R: Runtime> {
    inner: Arc<Inner<H, R>>,
    principal: PrincipalId,
    lane: u64,
}

impl<H: Handler, R: Runtime> InFlight<H, R> {
    /// One that was admitted, with the bytes that it holds.
    pub(super) fn new(inner: &Arc<Inner<H, R>>, principal: &PrincipalId, bytes: usize) -> Self {
        Self {
            inner: Arc::clone(inner),
            principal: principal.clone(),
            bytes,
        }
    }

    /// It holds so many bytes from now on. Its weight is the most that it ever held: what it gives back meanwhile lets
    /// nothing in.
    pub(super) fn holds(&mut self, bytes: usize) {
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 {
            let admission = &self.inner.admission;
            admission.counts(|counts| counts.grow(&self.principal, more));
            self.bytes = bytes;
        }
    }
}

impl<H: Handler, R: Runtime> Observing<H, R> {
    /// One that was counted, with the bytes that it holds.
    pub(super) fn new(inner: &Arc<Inner<H, R>>, principal: &PrincipalId, bytes: usize) -> Self {
        Self {
            inner: Arc::clone(inner),
            principal: principal.clone(),
            bytes,
        }
    }
}

impl<H: Handler, R: Runtime> Stand<H, R> {
    /// A place that was counted if it waits.
    pub(super) fn new(
        inner: &Arc<Inner<H, R>>,
        principal: &PrincipalId,
        lane: &Lane,
        counted: Counted,
    ) -> Self {
        let waits = counted.waits.then(|| Waits {
            inner: Arc::clone(inner),
            principal: principal.clone(),
            lane: lane.id(),
        });
        Self {
            place: counted.place,
            waits,
        }
    }

    /// Waits for the turn.
    pub(super) async fn turn(self) -> Result<Turn, Closed> {
        let Self { place, waits } = self;
        let turn = place.await;
        drop(waits);
        turn
    }
}

impl<H: Handler, R: Runtime> From<Turn> for Stand<H, R> {
    fn from(turn: Turn) -> Self {
        Self {
            place: turn.into(),
            waits: None,
        }
    }
}

impl<H: Handler, R: Runtime> Drop for InFlight<H, R> {
    fn drop(&mut self) {
        let inner = &self.inner;
        let start = |job| inner.start(job);
        inner.admission.done(&self.principal, self.bytes, start);
    }
}

impl<H: Handler, R: Runtime> Drop for Observing<H, R> {
    fn drop(&mut self) {
        self.inner.admission.observed(&self.principal, self.bytes);
    }
}

impl<H: Handler, R: Runtime> Drop for Waits<H, R> {
    fn drop(&mut self) {
        let inner = &self.inner;
        let start = |job| inner.start(job);
        inner.admission.left_lane(&self.principal, self.lane, start);
    }
}
