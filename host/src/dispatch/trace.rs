//! What came of an event: the outcome, and who was asked, what they said and how long it took.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::bindings::Bound;
use super::handler::{Handler, HandlerFailure};
use crate::bus::Payload;
use crate::call::{TraceId, Verdict};
use crate::manifest::{CapsuleName, Mode};
use crate::text::cut;
use crate::topic::Topic;

/// Most bytes of what a trace quotes of a handler; a longer text is cut, and says so.
const QUOTED: usize = 1024;

/// How a chain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Nobody ended it.
    Continue,
    /// A handler answered.
    Final,
    /// A handler refused, or one without whose answer the event is denied gave none.
    Deny,
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Its topic.
    pub topic: Arc<Topic>,
    /// How its chain ended.
    pub verdict: Conclusion,
    /// The payload as the chain left it.
    pub payload: Payload,
    /// What the handler that answered said, in its own words: at most 1 MiB.
    pub answer: Option<String>,
    /// Why it is denied.
    pub reason: Option<String>,
    /// Who was asked, in order.
    pub steps: Vec<Step>,
    /// Names the event.
    pub trace: TraceId,
}

/// One handler of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its capsule.
    pub capsule: Arc<CapsuleName>,
    /// Its name.
    pub action: Arc<str>,
    /// Whether it was part of the chain.
    pub mode: Mode,
    /// What it said.
    pub said: Said,
    /// From when it was called until it answered; without the wait in its lane.
    pub elapsed: Duration,
}

impl Outcome {
    /// The handlers of the chain that the event went past without their having been asked, because their capsules kept
    /// failing for the principal. What they guard or rewrite, they did not; where the event is denied for it, that is the
    /// last one.
    pub fn skipped(&self) -> impl Iterator<Item = &Step> {
        let chain = |step: &&Step| step.mode != Mode::Observe;
        let skipped = |step: &&Step| matches!(&step.said, Said::Failed(failure) if failure.kind == HandlerFailure::CIRCUIT_OPEN);
        self.steps.iter().filter(chain).filter(skipped)
    }
}

/// What a handler said; beyond 1 KiB its text is cut, and says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Go on.
    Continue,
    /// Go on with another payload.
    Rewrite,
    /// An answer.
    Final,
    /// No, and why.
    Deny(Option<String>),
    /// Nothing.
    Failed(HandlerFailure),
    /// Nothing yet: an observer, which nobody waits for.
    Running,
}

impl Said {
    /// The same, as it is kept in a trace.
    pub(super) fn quoted(self) -> Self {
        match self {
            Self::Deny(Some(reason)) => Self::Deny(Some(cut(reason, QUOTED))),
            Self::Failed(failure) => {
                Self::Failed(HandlerFailure::new(failure.kind, cut(failure.text, QUOTED)))
            }
            other => other,
        }
    }
}

/// What a handler answered to a [trigger](super::Dispatcher::trigger).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its capsule.
    pub capsule: Arc<CapsuleName>,
    /// Its name.
    pub action: Arc<str>,
    /// Its verdict with its data, or why there is none.
    pub answer: Result<Verdict, HandlerFailure>,
    /// From when it was called until it answered; zero if it never was.
    pub elapsed: Duration,
}

/// The steps of a chain while it runs.
#[derive(Default)]
pub(super) struct Trace(Vec<(Step, Option<Arc<Beside>>)>);

/// Where an observer leaves what it said.
pub(super) type Beside = OnceLock<(Said, Duration)>;

impl Trace {
    pub(super) fn add<H: Handler>(&mut self, bound: &Bound<H>, said: Said, elapsed: Duration) {
        self.0.push((step(bound, said.quoted(), elapsed), None));
    }

    /// An observer that begins.
    pub(super) fn beside<H: Handler>(&mut self, bound: &Bound<H>) -> Arc<Beside> {
        let result = Arc::new(Beside::new());
        let running = step(bound, Said::Running, Duration::ZERO);
        self.0.push((running, Some(Arc::clone(&result))));
        result
    }

    pub(super) fn steps(self) -> Vec<Step> {
        let finished = |(mut step, result): (Step, Option<Arc<Beside>>)| {
            if let Some((said, elapsed)) = result.as_ref().and_then(|result| result.get()) {
                (step.said, step.elapsed) = (said.clone(), *elapsed);
            }
            step
        };
        self.0.into_iter().map(finished).collect()
    }
}

fn step<H: Handler>(bound: &Bound<H>, said: Said, elapsed: Duration) -> Step {
    Step {
        capsule: Arc::clone(bound.capsule()),
        action: Arc::clone(&bound.action),
        mode: bound.mode,
        said,
        elapsed,
    }
}
