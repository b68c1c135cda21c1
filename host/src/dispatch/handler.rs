//! What is asked about events: loaded capsules in the product, plain Rust in the tests.

use std::future::Future;

use super::event::HandlerEvent;
use super::lane::Turn;
use crate::call::Verdict;

/// Answers events for one load of a capsule.
pub trait Handler: Send + Sync + 'static {
    /// Calls the handler `event.action`. The turn is the caller's right to do so: nobody else of the same lane is
    /// called meanwhile, unless the capsule isn't ordered. Dropping the future ends the call.
    ///
    /// # Errors
    /// [`HandlerFailure`] if there is no answer. A handler's own error is an answer: [`Verdict::Deny`] with its text.
    fn handle<'a>(
        &'a self,
        event: &'a HandlerEvent,
        turn: &'a Turn,
    ) -> impl Future<Output = Result<Verdict, HandlerFailure>> + Send + 'a;
}

/// Why a handler gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct HandlerFailure {
    /// One word for programs: `trap`, `timeout`, `unloaded`, ...
    pub kind: &'static str,
    /// For people.
    pub text: String,
}

impl HandlerFailure {
    /// The time of the handler, or of the call that it is nested in, was over.
    pub const TIMEOUT: &'static str = "timeout";
    /// Its capsule could not be loaded.
    pub const NOT_LOADED: &'static str = "not-loaded";
    /// Its capsule was removed after the event was published.
    pub const UNLOADED: &'static str = "unloaded";
    /// Its capsule was replaced by one without this handler after the event was published.
    pub const GONE: &'static str = "gone";
    /// It answered with what may not be passed on: too long, or no JSON.
    pub const PAYLOAD: &'static str = "payload";
    /// Its capsule kept failing for the principal, and isn't called for a while.
    pub const CIRCUIT_OPEN: &'static str = "circuit-open";
    /// An observer wasn't run, for want of room in its lane or among the observers.
    pub const BACKPRESSURE: &'static str = "backpressure";
    /// The host was shut down.
    pub const SHUTDOWN: &'static str = "shutdown";

    /// A failure of this kind.
    pub fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}
