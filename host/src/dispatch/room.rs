//! What all events of a dispatcher share, and an event's way from its publisher to its task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Asked, AskedNow, Entrant, Refusal};
use super::arrivals::Arrival;
use super::bindings::{Bindings, Chain};
use super::chain::Course;
use super::counts::Counts;
use super::error::DispatchError;
use super::event::Event;
use super::handler::Handler;
use super::held::InFlight;
use super::lanes::Lanes;
use super::runtime::Runtime;
use super::trace::{Answer, Outcome};
use crate::call::{MAX_DEPTH, TraceId};
use crate::manifest::Mode;
use crate::names::PrincipalId;

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

/// An event on its way to admission, and from there to its task.
pub(super) struct Job<H: Handler, R: Runtime> {
    course: Course<H, R>,
    reply: Reply,
    /// Once it is admitted.
    in_flight: Option<InFlight<H, R>>,
    arrivals: Vec<Arrival<H, R>>,
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
        let mut course = Course {
            chain: Chain::default(),
            lanes: Vec::new(),
            inner: Arc::clone(self),
            event,
            trace: TraceId(EVENT | self.events.fetch_add(1, Relaxed)),
            nested,
        };
        course.find_chain();
        Ok(course)
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
        Self {
            course,
            reply,
            in_flight: None,
            arrivals: Vec::new(),
        }
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
            in_flight,
            arrivals,
        } = self;
        match reply {
            Reply::Nothing => drop(Arc::new(course).walk(arrivals, in_flight).await),
            Reply::Accepted(reply) => {
                let _ = reply.send(Ok(course.trace));
                drop(Arc::new(course).walk(arrivals, in_flight).await);
            }
            Reply::Outcome(reply) => {
                // Whoever hears of it finds the room that it took.
                let outcome = Arc::new(course).walk(arrivals, in_flight).await;
                let _ = reply.send(outcome);
            }
            Reply::Answers(deadline, reply) => {
                let answers = course.ask_all(arrivals, deadline).await;
                drop((course, in_flight));
                let _ = reply.send(Ok(answers));
            }
        }
    }
}

impl<H: Handler, R: Runtime> Entrant for Job<H, R> {
    fn principal(&self) -> &PrincipalId {
        &self.course.event.principal
    }

    fn bytes(&self) -> usize {
        self.course.event.bytes()
    }

    fn lanes(&self) -> impl Iterator<Item = u64> {
        let course = &self.course;
        let handlers = course.chain.steps.iter().zip(&course.lanes);
        let in_chain = handlers.filter(|(bound, _)| bound.mode == Mode::Chain);
        in_chain.map(|(_, lane)| lane.id())
    }

    fn bindings_changed(&mut self) {
        self.course.find_chain();
    }

    fn admit(&mut self, counts: &mut Counts) {
        let (course, bytes) = (&self.course, self.course.event.bytes());
        let in_flight = InFlight::new(&course.inner, &course.event.principal, bytes);
        self.arrivals = match self.reply {
            Reply::Answers(..) => course.arrive_at_all(Some(counts)),
            _ => course.arrive(0, bytes, counts),
        };
        self.in_flight = Some(in_flight);
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
