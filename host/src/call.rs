//! A call of a handler: what goes in and what comes out.

use std::time::{Duration, Instant};

use uuid::Uuid;

use serde::{Deserialize, Serialize};

pub use crate::limits::call::{MAX_ACTION, MAX_DEPTH, MAX_REASON};
use crate::names::PrincipalId;
pub use crate::payload::MAX_PAYLOAD;
use crate::payload::{Payload, PayloadError};

/// What can't be handed to a guest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCall {
    /// The action's name is empty or longer than [`MAX_ACTION`].
    #[error("an action's name has 1 to {MAX_ACTION} bytes, not {0}")]
    Action(usize),
    /// The payload is none.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

impl InvalidCall {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Action(_) => "name a handler; `astrid inspect` shows which there are",
            Self::Payload(error) => error.hint(),
        }
    }
}

/// A handler's name and its payload, not yet on anybody's behalf: say [`CallDraft::by`].
#[derive(Debug, Clone)]
pub struct CallDraft {
    pub(crate) action: String,
    pub(crate) payload: Payload,
}

/// One call of a handler on behalf of a principal.
#[derive(Debug, Clone)]
pub struct Call {
    pub(crate) action: String,
    pub(crate) payload: Payload,
    pub(crate) principal: PrincipalId,
    pub(crate) wall: Option<Duration>,
    pub(crate) cpu: Option<Duration>,
}

impl Call {
    /// A call of `action` with `payload` as JSON.
    ///
    /// # Errors
    /// [`InvalidCall`].
    pub fn json<P: Serialize + ?Sized>(
        action: impl Into<String>,
        payload: &P,
    ) -> Result<CallDraft, InvalidCall> {
        Self::draft(action.into(), Payload::json(payload)?)
    }

    /// A call of `action` with bytes that are JSON already.
    ///
    /// # Errors
    /// [`InvalidCall`].
    pub fn raw(
        action: impl Into<String>,
        payload: impl Into<Vec<u8>>,
    ) -> Result<CallDraft, InvalidCall> {
        Self::draft(action.into(), Payload::from_bytes(payload)?)
    }

    fn draft(action: String, payload: Payload) -> Result<CallDraft, InvalidCall> {
        if action.is_empty() || action.len() > MAX_ACTION {
            return Err(InvalidCall::Action(action.len()));
        }
        Ok(CallDraft { action, payload })
    }

    /// Lowers the wall time of this call.
    #[must_use]
    pub fn within(mut self, wall: Duration) -> Self {
        self.wall = Some(wall);
        self
    }

    /// Lowers the CPU time of this call.
    #[must_use]
    pub fn cpu_within(mut self, cpu: Duration) -> Self {
        self.cpu = Some(cpu);
        self
    }
}

impl CallDraft {
    /// On whose behalf.
    pub fn by(self, principal: &PrincipalId) -> Call {
        Call {
            action: self.action,
            payload: self.payload,
            principal: principal.clone(),
            wall: None,
            cpu: None,
        }
    }
}

/// A handler's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; with a payload that replaces the event's, if there is one.
    Continue(Option<String>),
    /// The answer; nobody else is asked.
    Final(Option<String>),
    /// No, and why; nobody else is asked.
    Deny(Option<String>),
}

/// Whether a call got an instance that had served calls before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// Made for this call.
    Fresh,
    /// Served earlier calls of the same principal.
    Reused,
}

/// What came of a call that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The answer.
    pub verdict: Verdict,
    /// From the moment the guest was entered to its answer.
    pub elapsed: Duration,
    /// Most bytes of linear memory held during the call.
    pub memory_peak: usize,
    /// Fresh or reused.
    pub instance: InstanceState,
}

/// Names one call among all of a host's; counts up within a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub u64);

/// What code that is called from within a call passes on: what it dispatches is nested in that call.
#[derive(Debug, Clone)]
pub struct CallScope {
    /// On whose behalf the call is made.
    pub principal: PrincipalId,
    /// The session of the uplink that says so; none where the host itself knows. What is nested in a claim is claimed.
    pub claimed_by: Option<Uuid>,
    /// Whose session publishes what it dispatches.
    pub source: Uuid,
    /// How many calls the call is nested in.
    pub depth: u8,
    /// When its time is over.
    pub deadline: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_may_not_get_is_refused_at_the_door() {
        assert!(matches!(Call::raw("", "{}"), Err(InvalidCall::Action(0))));
        assert!(matches!(
            Call::raw("a".repeat(257), "{}"),
            Err(InvalidCall::Action(257))
        ));
        for payload in [
            &b"{"[..],
            b"\"\xe4\"",
            br#"{"a":1,"a":2}"#,
            &[b' '; MAX_PAYLOAD + 1],
        ] {
            let refused = Call::raw("a", payload);
            assert!(matches!(refused, Err(InvalidCall::Payload(_))));
        }
        assert!(matches!(
            Call::json("a", &"x".repeat(MAX_PAYLOAD)),
            Err(InvalidCall::Payload(PayloadError::TooLarge { .. }))
        ));
        assert!(Call::json("a".repeat(256), "x").is_ok());
    }
}
