//! An event's places in the lanes of its handlers: taken in the step that admits it, and at later handlers when its turn
//! there comes.

use std::sync::Arc;

use super::chain::Course;
use super::counts::Counts;
use super::handler::{Handler, HandlerFailure};
use super::held::{Observing, Stand};
use super::lane::Lane;
use super::runtime::Runtime;
use crate::manifest::Mode;

/// An event's arrival at one of its handlers.
pub(super) struct Arrival<H: Handler, R: Runtime> {
    /// Which one of the chain.
    pub(super) at: usize,
    /// Its place there, or why an observer isn't run.
    pub(super) stand: Result<Stand<H, R>, HandlerFailure>,
    /// What an observer holds that nobody waits for.
    pub(super) observing: Option<Observing<H, R>>,
}

impl<H: Handler, R: Runtime> Course<H, R> {
    /// Takes places at what comes at index `from`: the observers there, each of which will hold so many bytes, and the
    /// handler of the chain after them.
    pub(super) fn arrive(
        &self,
        from: usize,
        bytes: usize,
        counts: &mut Counts,
    ) -> Vec<Arrival<H, R>> {
        let principal = &self.event.principal;
        let mut arrivals = Vec::new();
        let handlers = self.chain.steps.iter().zip(&self.lanes);
        for (at, (bound, lane)) in handlers.enumerate().skip(from) {
            let stand = |counted| Stand::new(&self.inner, principal, lane, counted);
            if bound.mode == Mode::Observe {
                let counted = counts.observe(principal, lane, bytes);
                let observing = counted.is_ok();
                arrivals.push(Arrival {
                    at,
                    stand: counted.map(stand),
                    observing: observing.then(|| Observing::new(&self.inner, principal, bytes)),
                });
                continue;
            }
            let beside = self.beside(lane);
            let stand = beside.unwrap_or_else(|| stand(counts.enter(principal, lane)));
            arrivals.push(Arrival::at(at, Ok(stand)));
            break;
        }
        arrivals
    }

    /// The same, of an event that is on its way.
    pub(super) fn arrive_next(&self, from: usize, bytes: usize) -> Vec<Arrival<H, R>> {
        let Some(bound) = self.chain.steps.get(from) else {
            return Vec::new();
        };
        // Mostly the next handler is free, and then there is nothing to be counted.
        if bound.mode == Mode::Chain {
            let lane = &self.lanes[from];
            let free = self
                .beside(lane)
                .or_else(|| lane.try_enter().map(Stand::from));
            if let Some(stand) = free {
                return vec![Arrival::at(from, Ok(stand))];
            }
        }
        let admission = &self.inner.admission;
        admission.counts(|counts| self.arrive(from, bytes, counts))
    }

    /// Takes places at all handlers; at an observer if there is room in its lane. What is nested counts nothing.
    pub(super) fn arrive_at_all(&self, mut counts: Option<&mut Counts>) -> Vec<Arrival<H, R>> {
        let principal = &self.event.principal;
        let handlers = self.chain.steps.iter().zip(&self.lanes);
        let arrivals = handlers.enumerate().map(|(at, (bound, lane))| {
            let stand = match &mut counts {
                None => Ok(Stand::from(lane.beside())),
                Some(counts) => match bound.mode {
                    Mode::Chain => Ok(counts.enter(principal, lane)),
                    Mode::Observe => counts.enter_beside(principal, lane),
                }
                .map(|counted| Stand::new(&self.inner, principal, lane, counted)),
            };
            Arrival::at(at, stand)
        });
        arrivals.collect()
    }

    /// The place of what is nested, which is beside the lane.
    fn beside(&self, lane: &Arc<Lane>) -> Option<Stand<H, R>> {
        self.nested.then(|| lane.beside().into())
    }
}

impl<H: Handler, R: Runtime> Arrival<H, R> {
    fn at(at: usize, stand: Result<Stand<H, R>, HandlerFailure>) -> Self {
        Self {
            at,
            stand,
            observing: None,
        }
    }
}
