//! An event on its way, and what a handler sees of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::bus::{Attribution, Draft, Payload};
use crate::call::{CallScope, TraceId};
use crate::names::PrincipalId;
use crate::topic::Topic;

/// Something to dispatch: a topic, a payload, and on whose behalf.
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) topic: Arc<Topic>,
    pub(super) payload: Payload,
    pub(super) principal: PrincipalId,
    pub(super) attribution: Attribution,
    pub(super) source: Uuid,
    pub(super) depth: u8,
    pub(super) deadline: Option<Instant>,
}

impl Event {
    /// An event of a capsule, or of an embedder who knows whom it acts for. `source` is the publisher's session.
    pub fn verified(topic: Topic, payload: Payload, principal: PrincipalId, source: Uuid) -> Self {
        let attribution = Attribution::Verified(principal.clone());
        Self::new(topic, payload, principal, attribution, source)
    }

    /// An event of an uplink, which says for whom it is. `by` is the uplink's session.
    pub fn claimed(topic: Topic, payload: Payload, principal: PrincipalId, by: Uuid) -> Self {
        let attribution = Attribution::Claimed {
            principal: principal.clone(),
            by,
        };
        Self::new(topic, payload, principal, attribution, by)
    }

    /// An event of the host itself, whose handlers act for `principal`.
    pub fn system(topic: Topic, payload: Payload, principal: PrincipalId, host: Uuid) -> Self {
        Self::new(topic, payload, principal, Attribution::System, host)
    }

    fn new(
        topic: Topic,
        payload: Payload,
        principal: PrincipalId,
        attribution: Attribution,
        source: Uuid,
    ) -> Self {
        Self {
            topic: Arc::new(topic),
            payload,
            principal,
            attribution,
            source,
            depth: 0,
            deadline: None,
        }
    }

    /// An event nested in a call: it is done before the call's time is over, and a level deeper.
    pub(crate) fn within(scope: &CallScope, topic: Topic, payload: Payload) -> Self {
        let principal = scope.principal.clone();
        let attribution = match scope.claimed_by {
            Some(by) => Attribution::Claimed {
                principal: principal.clone(),
                by,
            },
            None => Attribution::Verified(principal.clone()),
        };
        let event = Self::new(topic, payload, principal, attribution, scope.source);
        let mut event = event.caused_within(scope);
        event.deadline = scope.deadline;
        event
    }

    /// Says that a handler's call caused it. It is one level deeper then, and otherwise an event like any other.
    #[must_use]
    pub fn caused_within(mut self, scope: &CallScope) -> Self {
        self.depth = scope.depth.saturating_add(1);
        self
    }

    /// Its topic.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// What handlers are asked about of what a capsule publishes; they act for `principal`.
    pub(crate) fn of(draft: &Draft, principal: PrincipalId) -> Self {
        Self::new(
            draft.topic.clone(),
            draft.payload.clone(),
            principal,
            draft.attribution.clone(),
            draft.source,
        )
    }

    /// What subscriptions get of it.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            topic: Topic::clone(&self.topic),
            payload: self.payload.clone(),
            source: self.source,
            attribution: self.attribution.clone(),
        }
    }

    /// Says that a host has taken it, if nobody else is its source.
    pub(crate) fn taken_by(mut self, host: Uuid) -> Self {
        if self.source.is_nil() {
            self.source = host;
        }
        self
    }
}

/// What a handler is called with.
#[derive(Debug, Clone)]
pub struct HandlerEvent {
    /// The event's topic.
    pub topic: Arc<Topic>,
    /// The handler's own name, as its manifest binds it.
    pub action: Arc<str>,
    /// As the handlers before left it; `custom` and `raw_json` are unwrapped.
    pub payload: Payload,
    /// On whose behalf.
    pub principal: PrincipalId,
    /// Who says so.
    pub attribution: Attribution,
    /// The publisher's session.
    pub source: Uuid,
    /// How many calls this one is nested in.
    pub depth: u8,
    /// When the handler must have answered; none leaves it to the capsule's ceilings.
    pub deadline: Option<Instant>,
    /// How long its own manifest lets it take, where the deadline comes from there and from no caller.
    pub own_time: Option<Duration>,
    /// Names the event.
    pub trace: TraceId,
}

impl HandlerEvent {
    /// The scope of what the handler itself asks for.
    pub fn scope(&self) -> CallScope {
        let claimed_by = match self.attribution {
            Attribution::Claimed { by, .. } => Some(by),
            Attribution::Verified(_) | Attribution::System => None,
        };
        CallScope {
            principal: self.principal.clone(),
            claimed_by,
            source: self.source,
            depth: self.depth,
            deadline: self.deadline,
        }
    }
}
