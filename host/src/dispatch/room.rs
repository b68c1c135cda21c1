//! What all events of a dispatcher share, and what each holds of it: a count in flight, a count in a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Asked, AskedNow, Entrant, Refusal};
use super::bindings::Bindings;
use super::chain::{Course, Places};
use super::error::DispatchError;
use super::event::Event;
use super::handler::Handler;
use super::lane::{Lane, Place};
use super::lanes::Lanes;
use super::runtime::Runtime;
use super::trace::{Answer, Outcome};
use crate::call::{MAX_DEPTH, TraceId};
use crate::principal::PrincipalId;

/// Events are told from direct calls by this bit of their [`TraceId`].
const EVENT: u64 = 1 << 63;

pub(super) struct Inner<H: Handler, R: Runtime> {
    pub(super) runtime: R,
    pub(super) lanes: Lanes,
    pub(super) bindings: Bindings<H>,
    pub(super) admission: Admission<Job<H, R>>,
    /// Ends what runs, at shutdown.
    pub(super) stop: CancellationToken,
    pub(super) events: AtomicU64,
    pub(super) too_deep: AtomicU64,
}

/// One of the events in flight.
pub(super) struct InFlight<H: Handler, R: Runtime> {
    inner: Arc<Inner<H, R>>,
    principal: PrincipalId,
}

/// One of the events queued for their first handler.
pub(super) struct Queued<H: Handler, R: Runtime> {
    inner: Arc<Inner<H, R>>,
    principal: PrincipalId,
    lane: u64,
}

/// An event on its way to admission, and from there to its task.
pub(super) struct Job<H: Handler, R: Runtime> {
    course: Course<H, R>,
    reply: Reply,
    /// The lane of its first handler: held, so that it stays the same lane.
    first: Option<Arc<Lane>>,
    places: Places,
    queued: Option<Queued<H, R>>,
}

/// What the publisher wants to know.
pub(super) enum Reply {
    /// Nothing more.
    Nothing,
    /// That it was admitted.
    Accepted(oneshot::Sender<Result<TraceId, DispatchError>>),
    /// What came of it.
    Outcome(oneshot::Sender<Result<Outcome, DispatchError>>),
    /// What all handlers answer until then.
    Answers(Instant, oneshot::Sender<Result<Vec<Answer>, DispatchError>>),
}

/// Somebody waits for admission. Dropping this leaves the queue.
pub(super) struct Waiting<'a, H: Handler, R: Runtime> {
    inner: &'a Inner<H, R>,
    principal: PrincipalId,
    ticket: Option<u64>,
}

impl<H: Handler, R: Runtime> Inner<H, R> {
    /// The event with its handlers; none if it is nested too deep.
    pub(super) fn course(
        self: &Arc<Self>,
        event: Event,
        nested: bool,
    ) -> Result<Course<H, R>, DispatchError> {
        if event.depth > MAX_DEPTH {
            self.too_deep.fetch_add(1, Relaxed);
            return Err(DispatchError::Depth {
                topic: event.topic().clone(),
                depth: event.depth,
            });
        }
        Ok(Course {
            chain: self.bindings.chain(&event.topic),
            inner: Arc::clone(self),
            event,
            trace: TraceId(EVENT | self.events.fetch_add(1, Relaxed)),
            nested,
            in_flight: None,
        })
    }

    /// Takes an event when there is room for it; until then it waits, while the result is kept. What nobody is to be
    /// asked about needs no room.
    pub(super) fn take(
        self: &Arc<Self>,
        event: Event,
        reply: Reply,
    ) -> Result<(TraceId, Waiting<'_, H, R>), DispatchError> {
        let (course, bindings) = self.at_the_door(event)?;
        let trace = course.trace;
        let mut waiting = Waiting {
            inner: self,
            principal: course.event.principal.clone(),
            ticket: None,
        };
        let reply = match (reply, course.at_once()) {
            (reply @ Reply::Answers(..), _) | (reply, None) => reply,
            (reply, Some(outcome)) => {
                reply.at_once(outcome);
                return Ok((trace, waiting));
            }
        };
        match self.admission.ask(Job::new(course, reply), bindings) {
            Asked::Admitted(job) => self.start(job),
            Asked::Waits(ticket) => waiting.ticket = Some(ticket),
            Asked::Refused(job) => return Err(job.refused(&Refusal::Closed)),
        }
        Ok((trace, waiting))
    }

    /// Takes an event if there is room for it now, and it can be paid for: `pay` is asked when nothing else is in its
    /// way.
    pub(super) fn take_now<E: From<DispatchError>>(
        self: &Arc<Self>,
        event: Event,
        pay: impl FnOnce() -> Result<(), E>,
    ) -> Result<TraceId, E> {
        let (course, bindings) = self.at_the_door(event)?;
        let trace = course.trace;
        if course.at_once().is_some() {
            return pay().map(|()| trace);
        }
        let job = Job::new(course, Reply::Nothing);
        match self.admission.ask_now(job, bindings, pay) {
            AskedNow::Admitted(job) => self.start(job),
            AskedNow::Unpaid(error) => return Err(error),
            AskedNow::Refused(refusal, job) => return Err(job.refused(&refusal).into()),
        }
        Ok(trace)
    }

    /// The event with its handlers, and which bindings these are at the earliest.
    fn at_the_door(self: &Arc<Self>, event: Event) -> Result<(Course<H, R>, u64), DispatchError> {
        let Some(bindings) = self.admission.bindings() else {
            let topic = event.topic().clone();
            return Err(DispatchError::ShuttingDown { topic });
        };
        Ok((self.course(event, false)?, bindings))
    }

    /// Starts what has been admitted.
    pub(super) fn start(&self, job: Job<H, R>) {
        self.runtime.spawn(job.run());
    }
}

impl Reply {
    // Whoever doesn't listen any more doesn't want to know.

    /// Nobody was to be asked.
    fn at_once(self, outcome: Outcome) {
        match self {
            Self::Accepted(reply) => drop(reply.send(Ok(outcome.trace))),
            Self::Outcome(reply) => drop(reply.send(Ok(outcome))),
            Self::Nothing | Self::Answers(..) => {}
        }
    }

    fn fail(self, error: DispatchError) {
        match self {
            Self::Nothing => {}
            Self::Accepted(reply) => drop(reply.send(Err(error))),
            Self::Outcome(reply) => drop(reply.send(Err(error))),
            Self::Answers(_, reply) => drop(reply.send(Err(error))),
        }
    }
}

impl<H: Handler, R: Runtime> Job<H, R> {
    fn new(course: Course<H, R>, reply: Reply) -> Self {
        let mut job = Self {
            course,
            reply,
            first: None,
            places: Places::new(),
            queued: None,
        };
        job.find_first();
        job
    }

    fn find_first(&mut self) {
        let chain = &self.course.chain;
        self.first = chain.first().map(|at| {
            let lanes = chain.steps[at].lanes();
            lanes.lane(&self.course.event.principal)
        });
    }

    fn refused(&self, refusal: &Refusal) -> DispatchError {
        let topic = self.course.event.topic().clone();
        match *refusal {
            Refusal::Closed => DispatchError::ShuttingDown { topic },
            Refusal::Full(limit) => DispatchError::Backpressure {
                topic,
                principal: self.course.event.principal.clone(),
                limit,
            },
        }
    }

    /// Tells the publisher that it isn't dispatched.
    pub(super) fn turn_away(self) {
        let error = self.refused(&Refusal::Closed);
        self.reply.fail(error);
    }

    async fn run(self) {
        let Self {
            course,
            reply,
            first,
            places,
            queued,
        } = self;
        // Its places hold the lane now.
        drop(first);
        match reply {
            Reply::Nothing => drop(Arc::new(course).walk(places, queued).await),
            Reply::Accepted(reply) => {
                let _ = reply.send(Ok(course.trace));
                drop(Arc::new(course).walk(places, queued).await);
            }
            Reply::Outcome(reply) => {
                let course = Arc::new(course);
                let outcome = course.walk(places, queued).await;
                // Whoever hears of it finds the room that it took.
                drop(course);
                let _ = reply.send(outcome);
            }
            Reply::Answers(deadline, reply) => {
                let answers = course.ask_all(places, queued, deadline).await;
                drop(course);
                let _ = reply.send(Ok(answers));
            }
        }
    }
}

impl<H: Handler, R: Runtime> Entrant for Job<H, R> {
    fn principal(&self) -> &PrincipalId {
        &self.course.event.principal
    }

    fn first_lane(&self) -> u64 {
        self.first.as_ref().map_or(0, |lane| lane.id())
    }

    fn bindings_changed(&mut self) {
        self.course.chain = self.course.inner.bindings.chain(&self.course.event.topic);
        self.find_first();
    }

    fn admit(&mut self) -> bool {
        self.places = match self.reply {
            Reply::Answers(..) => self.course.arrive_at_all(),
            _ => self.course.arrive(0),
        };
        let (inner, principal) = (&self.course.inner, &self.course.event.principal);
        self.course.in_flight = Some(InFlight {
            inner: Arc::clone(inner),
            principal: principal.clone(),
        });
        let first = self.course.chain.first();
        let queued = |(at, place): &(usize, _)| Some(*at) == first && !Place::is_turn(place);
        let (true, Some(lane)) = (self.places.iter().any(queued), &self.first) else {
            return false;
        };
        self.queued = Some(Queued {
            inner: Arc::clone(inner),
            principal: principal.clone(),
            lane: lane.id(),
        });
        true
    }
}

impl<H: Handler, R: Runtime> InFlight<H, R> {
    /// Counts something that isn't an event of its own, if there is room.
    pub(super) fn take(inner: &Arc<Inner<H, R>>, principal: &PrincipalId) -> Option<Self> {
        inner.admission.take_room(principal).then(|| Self {
            inner: Arc::clone(inner),
            principal: principal.clone(),
        })
    }
}

impl<H: Handler, R: Runtime> Drop for InFlight<H, R> {
    fn drop(&mut self) {
        let inner = &self.inner;
        inner
            .admission
            .done(&self.principal, |job| inner.start(job));
    }
}

impl<H: Handler, R: Runtime> Drop for Queued<H, R> {
    fn drop(&mut self) {
        let inner = &self.inner;
        inner
            .admission
            .left_queue(&self.principal, self.lane, |job| inner.start(job));
    }
}

impl<H: Handler, R: Runtime> Waiting<'_, H, R> {
    /// Leaves the queue; tells why it was still in it, or nothing if it wasn't.
    pub(super) fn leave(&self) -> Option<DispatchError> {
        let (limit, job) = self.inner.admission.forget(&self.principal, self.ticket?)?;
        Some(job.refused(&Refusal::Full(limit)))
    }

    /// It waits no longer.
    pub(super) fn over(mut self) {
        self.ticket = None;
    }
}

impl<H: Handler, R: Runtime> Drop for Waiting<'_, H, R> {
    fn drop(&mut self) {
        drop(self.leave());
    }
}
