//! The dispatch room: events become verdicts.
//!
//! An [`Event`] enters, is admitted, goes through the chain of handlers that are bound to its topic, each in the lane
//! of its (capsule, principal), and leaves as an [`Outcome`] with its trace. Who answers is a [`Handler`], how a task
//! is started and how time passes a [`Runtime`]: this room knows neither wasmtime nor how a capsule is called, and is
//! tested with plain Rust and simulated schedules.
//!
//! * An admitted event is one task, which nobody who published it can end by going away.
//! * Nobody waits for anything while holding a lock, and an event that waits for a turn holds none; so nothing here can
//!   wait in a circle.
//! * To be admitted is one step: the chain is what is bound then, and the first places are taken in that order. Every
//!   lane is bounded: an event comes in only while few wait in the lane of each handler of its chain, and an observer
//!   whose lane is full is not run.
//! * What a running handler itself waits for goes beside the lanes, on [`CallScope`]'s level: see
//!   [`Dispatcher::dispatch_within`].

mod admission;
mod arrivals;
mod bindings;
mod chain;
mod counts;
mod error;
mod event;
mod handler;
mod held;
mod lane;
mod lane_gate;
mod lanes;
mod limits;
mod outside;
mod room;
mod runtime;
mod trace;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use counts::{EventQuota, Figures};
pub use error::{DispatchError, Limit};
pub use event::{Event, HandlerEvent};
pub use handler::{Handler, HandlerFailure};
pub use lane::{Closed, Lane, Place, Turn};
pub use lanes::{CapsuleLanes, Lanes, Pause, StillRunning};
pub use limits::{Amount, Budget, Limits};
pub use runtime::{Runtime, TokioRuntime};
pub use trace::{Answer, Conclusion, Outcome, Said, Step};

use self::admission::Admission;
use self::bindings::Bindings;
use self::room::{Inner, Reply};
use self::runtime::within;
use crate::bus::Payload;
use crate::call::{CallScope, TraceId};
use crate::manifest::{self, CapsuleName};
use crate::names::PrincipalId;
use crate::topic::{Topic, TopicPattern};

/// What a nested call resolves to: boxed, because it may be nested in itself.
type Nested<'a, T> = Pin<Box<dyn Future<Output = Result<T, DispatchError>> + Send + 'a>>;

/// Dispatches events to handlers. Cloning it is cheap.
pub struct Dispatcher<H: Handler, R: Runtime = TokioRuntime> {
    inner: Arc<Inner<H, R>>,
}

impl<H: Handler, R: Runtime> Clone for Dispatcher<H, R> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<H: Handler, R: Runtime> Dispatcher<H, R> {
    /// A dispatcher without handlers. A topic that matches a pattern of `required`
    /// ([`TopicPattern::matches_acl`]) is denied unless each of the capsules named with it takes part in the chain
    /// and answers.
    pub fn new(
        runtime: R,
        limits: Limits,
        required: Vec<(TopicPattern, Vec<CapsuleName>)>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                runtime,
                lanes: Lanes::default(),
                bindings: Bindings::new(required),
                admission: Admission::new(limits),
                stop: CancellationToken::new(),
                events: AtomicU64::new(0),
                too_deep: AtomicU64::new(0),
            }),
        }
    }

    /// The lanes: direct calls of capsules go through them, too.
    pub fn lanes(&self) -> &Lanes {
        &self.inner.lanes
    }

    /// Binds the handlers of a capsule in one step, in the place of those it had. `loaded` answers for them from now
    /// on, for events already queued as well; or the reason why there is nothing that could answer. At most `permits`
    /// calls of one principal run at once: 1 for an ordered capsule.
    pub fn bind(
        &self,
        capsule: &CapsuleName,
        handlers: &[manifest::Handler<'_>],
        permits: usize,
        loaded: Result<H, String>,
    ) {
        let inner = &self.inner;
        inner.lanes.of(capsule).set_permits(permits);
        inner.bindings.bind(&inner.lanes, capsule, handlers, loaded);
        inner.admission.bindings_changed(|job| inner.start(job));
    }

    /// Unbinds the handlers of a capsule. Those of queued events count as not having answered. Returns whether it was
    /// bound.
    pub fn unbind(&self, capsule: &CapsuleName) -> bool {
        let inner = &self.inner;
        let bound = inner.bindings.unbind(capsule);
        inner.admission.bindings_changed(|job| inner.start(job));
        bound
    }

    /// The load that answers for a capsule now; none if it isn't bound, or could not be loaded.
    pub fn loaded(&self, capsule: &CapsuleName) -> Option<Arc<H>> {
        self.inner.bindings.loaded(capsule)
    }

    /// How many calls and events wait for a turn in the lanes of a capsule.
    pub fn queued(&self, capsule: &CapsuleName) -> usize {
        self.inner.lanes.of(capsule).queued()
    }

    /// Keeps the calls of a capsule queued until the pause is dropped. To replace a capsule: pause, wait until it is
    /// [drained](Self::drained), [bind](Self::bind) the new load, end the old one, drop the pause.
    pub fn pause(&self, capsule: &CapsuleName) -> Pause {
        self.inner.lanes.of(capsule).pause()
    }

    /// Waits until no call of a paused capsule runs.
    ///
    /// # Errors
    /// [`StillRunning`] when `limit` is over first.
    pub async fn drained(&self, pause: &Pause, limit: Duration) -> Result<(), StillRunning> {
        pause.drained(&self.inner.runtime, limit).await
    }

    /// Dispatches an event and waits for its outcome. It is admitted, or waits for that, when the future is first
    /// polled. Dropping the future doesn't end what was admitted; an event that still waits for admission is then
    /// never dispatched.
    ///
    /// # Errors
    /// [`DispatchError`], except for backpressure.
    pub async fn dispatch(&self, event: Event) -> Result<Outcome, DispatchError> {
        let topic = Arc::clone(&event.topic);
        let (reply, outcome) = oneshot::channel();
        let (_, waiting) = self.inner.take(event, Reply::Outcome(reply))?;
        let outcome = outcome.await;
        waiting.over();
        outcome.unwrap_or_else(|_| Err(lost(&topic)))
    }

    /// Publishes an event and waits until it is admitted. For publishers outside the capsules.
    ///
    /// # Errors
    /// [`DispatchError`], except for backpressure.
    pub async fn publish(&self, event: Event) -> Result<TraceId, DispatchError> {
        let topic = Arc::clone(&event.topic);
        let (reply, accepted) = oneshot::channel();
        let (_, waiting) = self.inner.take(event, Reply::Accepted(reply))?;
        let accepted = accepted.await;
        waiting.over();
        accepted.unwrap_or_else(|_| Err(lost(&topic)))
    }

    /// Publishes an event if there is room for it now. For capsules: from a handler, say
    /// [`Event::caused_within`] first.
    ///
    /// # Errors
    /// [`DispatchError`].
    pub fn try_publish(&self, event: Event) -> Result<TraceId, DispatchError> {
        self.try_publish_for(event, || Ok(()))
    }

    /// The same, for a price: `pay` is asked when nothing else is in the event's way, so that what is refused costs
    /// nothing. If it fails, so does this, and nothing was published. It must not call the dispatcher.
    ///
    /// # Errors
    /// [`DispatchError`], and what `pay` fails with.
    pub fn try_publish_for<E: From<DispatchError>>(
        &self,
        event: Event,
        pay: impl FnOnce() -> Result<(), E>,
    ) -> Result<TraceId, E> {
        self.inner.take_now(event, pay)
    }

    /// Whether an event on this topic would be taken, and nobody asked about it: to publish it then comes to nothing.
    /// Touches nothing that publishers share.
    pub fn asks_nobody(&self, topic: &Topic) -> bool {
        self.inner.admission.is_open() && !self.inner.bindings.any(topic)
    }

    /// Asks all handlers of the event's topic at once, observers as well, and collects what they answer within
    /// `limit`. A handler that is still asked then is ended; an observer whose lane is full isn't asked.
    ///
    /// # Errors
    /// [`DispatchError`]; backpressure if the time was over before the event was admitted.
    pub async fn trigger(
        &self,
        mut event: Event,
        limit: Duration,
    ) -> Result<Vec<Answer>, DispatchError> {
        let inner = &self.inner;
        let topic = Arc::clone(&event.topic);
        let now = inner.runtime.now();
        let deadline = now.checked_add(limit).unwrap_or(now);
        event.deadline = event.deadline.into_iter().chain([deadline]).min();
        let (reply, mut answers) = oneshot::channel();
        let (_, waiting) = inner.take(event, Reply::Answers(deadline, reply))?;
        let answered = match within(&inner.runtime, Some(deadline), &mut answers).await {
            Some(answered) => answered,
            None => match waiting.leave() {
                Some(refused) => return Err(refused),
                // It was admitted, so its answers come now.
                None => answers.await,
            },
        };
        waiting.over();
        answered.unwrap_or_else(|_| Err(lost(&topic)))
    }

    /// Dispatches an event from within a call: beside the lanes, a level deeper, and within the time that the call has
    /// left. Dropping the future ends it.
    ///
    /// # Errors
    /// [`DispatchError::Depth`], [`DispatchError::ShuttingDown`].
    pub fn dispatch_within<'a>(
        &'a self,
        scope: &CallScope,
        topic: Topic,
        payload: Payload,
    ) -> Nested<'a, Outcome> {
        let course = self
            .inner
            .course(Event::within(scope, topic, payload), true);
        Box::pin(async move {
            let course = Arc::new(course?);
            // What is decided already takes no places.
            if let Some(outcome) = course.at_once() {
                return Ok(outcome);
            }
            let arrivals = course.arrive_next(0, course.event.bytes());
            course.walk(arrivals, None).await
        })
    }

    /// [`Self::trigger`] from within a call: as [`Self::dispatch_within`].
    ///
    /// # Errors
    /// [`DispatchError::Depth`].
    pub fn trigger_within<'a>(
        &'a self,
        scope: &CallScope,
        topic: Topic,
        payload: Payload,
        limit: Duration,
    ) -> Nested<'a, Vec<Answer>> {
        let now = self.inner.runtime.now();
        let deadline = now.checked_add(limit).into_iter().chain(scope.deadline);
        let deadline = deadline.min().unwrap_or(now);
        let mut event = Event::within(scope, topic, payload);
        event.deadline = Some(deadline);
        let course = self.inner.course(event, true);
        Box::pin(async move {
            let course = course?;
            let arrivals = course.arrive_at_all(None);
            Ok(course.ask_all(arrivals, deadline).await)
        })
    }

    /// Waits until no event is in flight and no observer runs. Returns whether that was within `limit`.
    pub async fn drain(&self, limit: Duration) -> bool {
        let inner = &self.inner;
        let deadline = inner.runtime.now().checked_add(limit);
        let empty = inner.admission.empty();
        within(&inner.runtime, deadline, empty).await.is_some()
    }

    /// Ends it: no event is admitted any more, those in flight have `limit` to be done, and then they end with
    /// [`DispatchError::ShuttingDown`], whether they are queued or running. Direct calls in the lanes have as long; those
    /// that are still queued then get [`Closed`]. Returns whether everything was done within `limit`.
    pub async fn shutdown(&self, limit: Duration) -> bool {
        let inner = &self.inner;
        for job in inner.admission.close() {
            job.turn_away();
        }
        let deadline = inner.runtime.now().checked_add(limit);
        let idle = async {
            inner.admission.empty().await;
            inner.lanes.idle().await;
        };
        let done = within(&inner.runtime, deadline, idle).await.is_some();
        inner.lanes.close();
        inner.stop.cancel();
        inner.admission.empty().await;
        done
    }

    /// Whether events are taken: until it is shut down.
    pub fn is_open(&self) -> bool {
        self.inner.admission.is_open()
    }

    /// From now on fewer events of a principal may be in flight than the [`Limits`] say, though always one.
    pub fn lower_by(&self, quota: EventQuota) {
        self.inner.admission.counts(|counts| counts.lower_by(quota));
    }

    /// How many events of a principal are in flight.
    pub fn in_flight(&self, principal: &PrincipalId) -> usize {
        let admission = &self.inner.admission;
        admission.counts(|counts| counts.in_flight(principal))
    }

    /// What is going on, and what there was.
    pub fn figures(&self) -> Figures {
        Figures {
            too_deep: self.inner.too_deep.load(Relaxed),
            ..self.inner.admission.figures()
        }
    }
}

fn lost(topic: &Topic) -> DispatchError {
    DispatchError::Lost {
        topic: topic.clone(),
    }
}
