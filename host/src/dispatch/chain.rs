//! One event's way: through its chain, or to all handlers of its topic at once.
//!
//! Each admitted event is one task. It waits for its turn in a lane, asks the handler, takes its place in the lane of
//! the next one, and only then gives up its turn; so what follows it in this lane doesn't overtake it in that one.
//! Observers get their places at their turn in the chain, and a task each that outlives the event; one for which there
//! is no room then is passed over.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::arrivals::Arrival;
use super::bindings::{Bound, Chain};
use super::error::DispatchError;
use super::event::{Event, HandlerEvent};
use super::handler::{Handler, HandlerFailure};
use super::held::{InFlight, Observing, Stand};
use super::lane::{Lane, Turn};
use super::room::Inner;
use super::runtime::{Runtime, within};
use super::trace::{Answer, Conclusion, Outcome, Said, Trace};
use crate::bus::Payload;
use crate::call::{MAX_PAYLOAD, MAX_REASON, TraceId, Verdict};
use crate::manifest::Mode;
use crate::text::cut;

/// What a handler said, and how long it took.
type Answered = (Result<Verdict, HandlerFailure>, Duration);

/// An event with the handlers that are asked about it.
pub(super) struct Course<H: Handler, R: Runtime> {
    pub(super) inner: Arc<Inner<H, R>>,
    pub(super) event: Event,
    pub(super) chain: Chain<H>,
    /// The lane of each handler of the chain: held, so that they stay the same lanes.
    pub(super) lanes: Vec<Arc<Lane>>,
    pub(super) trace: TraceId,
    /// A running handler waits for it: it waits for no lane.
    pub(super) nested: bool,
}

impl<H: Handler, R: Runtime> Course<H, R> {
    /// Looks up what is bound to its topic now.
    pub(super) fn find_chain(&mut self) {
        self.chain = self.inner.bindings.chain(&self.event.topic);
        let steps = self.chain.steps.iter();
        let lanes = steps.map(|bound| bound.lanes().lane(&self.event.principal));
        self.lanes = lanes.collect();
    }

    /// Goes along the chain. What is in flight is no longer when it is done, whatever its observers do.
    ///
    /// # Errors
    /// [`DispatchError::ShuttingDown`].
    pub(super) async fn walk(
        self: Arc<Self>,
        mut arrivals: Vec<Arrival<H, R>>,
        mut in_flight: Option<InFlight<H, R>>,
    ) -> Result<Outcome, DispatchError> {
        if let Some(outcome) = self.at_once() {
            return Ok(outcome);
        }
        let shutting_down = || DispatchError::ShuttingDown {
            topic: self.event.topic().clone(),
        };
        let mut trace = Trace::default();
        let mut event = self.handler_event();
        let mut rewritten = None;
        let mut bytes = self.event.bytes();
        loop {
            let mut next = None;
            for arrival in arrivals {
                let (at, bound) = (arrival.at, &self.chain.steps[arrival.at]);
                match arrival.stand {
                    Ok(stand) if bound.mode == Mode::Chain => next = Some((at, bound, stand)),
                    Ok(stand) => {
                        let held = (stand, arrival.observing);
                        self.observe(&mut trace, bound, held, event.clone());
                    }
                    Err(failure) => trace.add(bound, Said::Failed(failure), Duration::ZERO),
                }
            }
            let Some((at, bound, stand)) = next else {
                return Ok(self.conclude(Conclusion::Continue, rewritten, None, None, trace));
            };
            let turn = stand.turn().await.map_err(|_| shutting_down())?;
            let (answer, elapsed) = self.ask(bound, &mut event, &turn).await;
            let (said, payload, answer) = heard(answer);
            trace.add(bound, said.clone(), elapsed);
            let capsule = bound.capsule();
            let verdict = match said {
                Said::Final => match self.chain.required_after(at) {
                    None => Some((Conclusion::Final, None)),
                    Some(unasked) => Some((
                        Conclusion::Deny,
                        Some(format!(
                            "capsule {unasked} is required, and {capsule} answered before it was asked: give it a lower priority"
                        )),
                    )),
                },
                Said::Deny(reason) => {
                    let silent = || format!("capsule {capsule} refuses it");
                    Some((Conclusion::Deny, Some(reason.unwrap_or_else(silent))))
                }
                Said::Failed(failure) if failure.kind == HandlerFailure::SHUTDOWN => {
                    return Err(shutting_down());
                }
                Said::Failed(failure) if self.chain.denies(bound) => Some((
                    Conclusion::Deny,
                    Some(format!("capsule {capsule} gave no answer: {failure}")),
                )),
                Said::Continue | Said::Rewrite | Said::Failed(_) | Said::Running => None,
            };
            if let Some((verdict, reason)) = verdict {
                let answer = answer.filter(|_| verdict == Conclusion::Final);
                return Ok(self.conclude(verdict, rewritten, answer, reason, trace));
            }
            if let Some(payload) = payload {
                // What was published is kept beside it.
                bytes = self.event.bytes() + payload.as_bytes().len();
                if let Some(in_flight) = &mut in_flight {
                    in_flight.holds(bytes);
                }
                event.payload = payload.clone();
                rewritten = Some(payload);
            }
            arrivals = self.arrive_next(at + 1, bytes);
            drop(turn);
        }
    }

    /// The outcome, if nobody is to be asked.
    pub(super) fn at_once(&self) -> Option<Outcome> {
        let reason = self.chain.missing().map(|missing| {
            format!(
                "capsule {missing} is required for {}, and isn't loaded or doesn't bind a handler to it",
                self.event.topic()
            )
        });
        let verdict = match &reason {
            Some(_) => Conclusion::Deny,
            None if self.chain.steps.is_empty() => Conclusion::Continue,
            None => return None,
        };
        Some(self.conclude(verdict, None, None, reason, Trace::default()))
    }

    fn conclude(
        &self,
        verdict: Conclusion,
        rewritten: Option<Payload>,
        answer: Option<String>,
        reason: Option<String>,
        trace: Trace,
    ) -> Outcome {
        Outcome {
            topic: Arc::clone(&self.event.topic),
            verdict,
            payload: rewritten.unwrap_or_else(|| self.event.payload.clone()),
            answer,
            reason,
            steps: trace.steps(),
            trace: self.trace,
        }
    }

    /// Lets an observer run in a task of its own.
    fn observe(
        self: &Arc<Self>,
        trace: &mut Trace,
        bound: &Arc<Bound<H>>,
        (stand, observing): (Stand<H, R>, Option<Observing<H, R>>),
        mut event: HandlerEvent,
    ) {
        let result = trace.beside(bound);
        let (course, bound) = (Arc::clone(self), Arc::clone(bound));
        self.inner.runtime.spawn(async move {
            let (answer, elapsed) = course.wait_and_ask(&bound, &mut event, stand).await;
            // Nobody else sets it.
            let _ = result.set((heard(answer).0.quoted(), elapsed));
            drop((course, event, observing));
        });
    }

    /// Asks all handlers at once, and collects what they answer until the deadline.
    pub(super) async fn ask_all(
        &self,
        arrivals: Vec<Arrival<H, R>>,
        deadline: Instant,
    ) -> Vec<Answer> {
        type Asked<'a> = Pin<Box<dyn Future<Output = Answered> + Send + 'a>>;
        let mut asked: Vec<_> = arrivals
            .into_iter()
            .map(|Arrival { at, stand, .. }| {
                let bound = &self.chain.steps[at];
                let stand = match stand {
                    Ok(stand) => stand,
                    Err(failure) => return (bound, None, Some((Err(failure), Duration::ZERO))),
                };
                let mut event = self.handler_event();
                let answer: Asked<'_> =
                    Box::pin(async move { self.wait_and_ask(bound, &mut event, stand).await });
                (bound, Some(answer), None)
            })
            .collect();
        let all = poll_fn(|context| {
            let mut done = true;
            for (_, asked, answered) in &mut asked {
                if let Some(answer) = asked {
                    match answer.as_mut().poll(context) {
                        Poll::Ready(answer) => (*asked, *answered) = (None, Some(answer)),
                        Poll::Pending => done = false,
                    }
                }
            }
            if done { Poll::Ready(()) } else { Poll::Pending }
        });
        within(&self.inner.runtime, Some(deadline), all).await;
        let answers = asked.into_iter().map(|(bound, _, answered)| {
            let (answer, elapsed) = answered.unwrap_or_else(|| {
                let late = "its turn didn't come in time";
                let failure = HandlerFailure::new(HandlerFailure::TIMEOUT, late);
                (Err(failure), Duration::ZERO)
            });
            Answer {
                capsule: Arc::clone(bound.capsule()),
                action: Arc::clone(&bound.action),
                answer,
                elapsed,
            }
        });
        answers.collect()
    }

    async fn wait_and_ask(
        &self,
        bound: &Bound<H>,
        event: &mut HandlerEvent,
        stand: Stand<H, R>,
    ) -> Answered {
        match stand.turn().await {
            Ok(turn) => self.ask(bound, event, &turn).await,
            Err(closed) => {
                let failure = HandlerFailure::new(HandlerFailure::SHUTDOWN, closed.to_string());
                (Err(failure), Duration::ZERO)
            }
        }
    }

    /// Asks a handler, whose turn it is.
    async fn ask(&self, bound: &Bound<H>, event: &mut HandlerEvent, turn: &Turn) -> Answered {
        let handler = match bound.handler(&self.event.topic) {
            Ok(handler) => handler,
            Err(failure) => return (Err(failure), Duration::ZERO),
        };
        let runtime = &self.inner.runtime;
        let began = runtime.now();
        // A time that no clock can show never comes.
        let own = bound.timeout.and_then(|time| began.checked_add(time));
        event.deadline = own.into_iter().chain(self.event.deadline).min();
        event.own_time = bound.timeout.filter(|_| event.deadline == own);
        event.action = Arc::clone(&bound.action);
        let answer = tokio::select! {
            biased;
            answer = within(runtime, event.deadline, handler.handle(event, turn)) => {
                answer.unwrap_or_else(|| {
                    let time = event.deadline.map(|end| end.saturating_duration_since(began));
                    let text = format!("it did not answer within {:?}", time.unwrap_or_default());
                    Err(HandlerFailure::new(HandlerFailure::TIMEOUT, text))
                })
            }
            () = self.inner.stop.cancelled() => {
                let text = "the host was shut down meanwhile";
                Err(HandlerFailure::new(HandlerFailure::SHUTDOWN, text))
            }
        };
        let elapsed = runtime.now().saturating_duration_since(began);
        (answer.and_then(bounded), elapsed)
    }

    fn handler_event(&self) -> HandlerEvent {
        let event = &self.event;
        HandlerEvent {
            topic: Arc::clone(&event.topic),
            // Each handler gets its own.
            action: Arc::default(),
            payload: event.payload.unwrapped(),
            principal: event.principal.clone(),
            attribution: event.attribution.clone(),
            source: event.source,
            depth: event.depth,
            deadline: event.deadline,
            own_time: None,
            trace: self.trace,
        }
    }
}

/// What a handler said, with the payload that it left or the answer that it gave.
fn heard(answer: Result<Verdict, HandlerFailure>) -> (Said, Option<Payload>, Option<String>) {
    match answer {
        Ok(Verdict::Continue(None)) => (Said::Continue, None, None),
        Ok(Verdict::Continue(Some(data))) => match Payload::parse(data) {
            Ok(payload) => (Said::Rewrite, Some(payload), None),
            Err(error) => {
                let text = format!("its payload can't be passed on: {error}");
                let failure = HandlerFailure::new(HandlerFailure::PAYLOAD, text);
                (Said::Failed(failure), None, None)
            }
        },
        Ok(Verdict::Final(answer)) => (Said::Final, None, answer),
        Ok(Verdict::Deny(reason)) => (Said::Deny(reason), None, None),
        Err(failure) => (Said::Failed(failure), None, None),
    }
}

/// An answer within the bound on payloads. Too much data is no answer; but a refusal stays one.
fn bounded(answer: Verdict) -> Result<Verdict, HandlerFailure> {
    match answer {
        Verdict::Deny(Some(reason)) => Ok(Verdict::Deny(Some(cut(reason, MAX_REASON)))),
        Verdict::Continue(Some(data)) | Verdict::Final(Some(data)) if data.len() > MAX_PAYLOAD => {
            let bytes = data.len();
            let text = format!("its payload has {bytes} bytes, and may have {MAX_PAYLOAD}");
            Err(HandlerFailure::new(HandlerFailure::PAYLOAD, text))
        }
        other => Ok(other),
    }
}
