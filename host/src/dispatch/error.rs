//! Why an event isn't dispatched.

use crate::call::MAX_DEPTH;
use crate::kind::ErrorKind;
use crate::names::PrincipalId;
use crate::topic::Topic;

/// Which bound on admission was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Events that wait in the lane of one of its handlers.
    Lane,
    /// Events of a principal in flight, or the bytes that they hold.
    Principal,
    /// Events of the host in flight, or the bytes that they hold.
    Host,
}

impl Limit {
    fn what(self) -> &'static str {
        match self {
            Self::Lane => "too many events of the principal wait for one of its handlers",
            Self::Principal => {
                "too many of the principal's events are in flight, or too large ones"
            }
            Self::Host => "too many events are in flight, or too large ones",
        }
    }
}

/// Why an event isn't dispatched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DispatchError {
    /// There is no room for it now: publish it later, or wait for its admission.
    #[error("{topic} of {principal} is not taken now: {}", limit.what())]
    Backpressure {
        /// The event's topic.
        topic: Topic,
        /// For whom it was published.
        principal: PrincipalId,
        /// Which bound was reached.
        limit: Limit,
    },
    /// It is nested too deep: a handler's event caused it, whose handler's event caused that one, and so on.
    #[error(
        "{topic} is nested {depth} deep, and may be {MAX_DEPTH}: look for handlers that cause each other's events"
    )]
    Depth {
        /// The event's topic.
        topic: Topic,
        /// How deep it would be.
        depth: u8,
    },
    /// The host is shutting down: it takes no event any more, and ended this one if it had been taken.
    #[error("{topic} is not dispatched: the host is shutting down")]
    ShuttingDown {
        /// The event's topic.
        topic: Topic,
    },
    /// The task that dispatched it ended early: a handler panicked, or the runtime is gone.
    #[error("the outcome of {topic} is lost: the task that dispatched it ended early")]
    Lost {
        /// The event's topic.
        topic: Topic,
    },
}

impl DispatchError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Backpressure { .. } => ErrorKind::Backpressure,
            Self::Depth { .. } => ErrorKind::Depth,
            Self::ShuttingDown { .. } => ErrorKind::ShuttingDown,
            Self::Lost { .. } => ErrorKind::Interrupted,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Backpressure { .. } => {
                Some("publish it again later, or wait for its admission".into())
            }
            Self::Depth { .. } => {
                Some("let one of the handlers stop publishing what another one is bound to".into())
            }
            Self::ShuttingDown { .. } => Some("publish it again when the host is back".into()),
            Self::Lost { .. } => None,
        }
    }
}
