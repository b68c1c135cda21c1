//! Events: where the bus and the dispatcher meet, and what both are given by capsules.
//!
//! An event goes to subscriptions, which never hold it up, and to the handlers of its topic, which do. A guest's event
//! goes to both or to neither.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::bus::{
    Attribution, Draft, ENVELOPE, EventBus, Owner, Payload, PayloadError, PublishRate,
    SubscribeError, Subscription,
};
use crate::call::{CallScope, MAX_DEPTH};
use crate::capsule::{CapsuleHandler, Current, LoadedCapsule, Surroundings};
use crate::dispatch::{DispatchError, Dispatcher, Event, Lane};
use crate::domain::CallContext;
use crate::domain::ipc::{Outlet, Refused};
use crate::names::{CapsuleName, PrincipalId};
use crate::people::{Noted, Questions, Unasked};
use crate::policy::speech;
use crate::topic::{Topic, TopicError, TopicPattern};

/// What can't be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// It has no topic.
    #[error("{topic:?} is no topic: {source}")]
    Topic {
        /// What was given.
        topic: String,
        /// Why it is none.
        source: TopicError,
    },
    /// It has no payload.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

impl InvalidEvent {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Topic { .. } => {
                "a topic is up to eight segments of a-z, 0-9, _ and -, with dots between them: user.v1.prompt".into()
            }
            Self::Payload(error) => error.hint().into(),
        }
    }
}

/// A topic and a payload, not yet on anybody's behalf: say [`EventDraft::by`].
#[derive(Debug, Clone)]
pub struct EventDraft {
    topic: Topic,
    payload: Payload,
}

impl Event {
    /// An event with a value as its payload.
    ///
    /// # Errors
    /// [`InvalidEvent`].
    pub fn json<P: Serialize + ?Sized>(
        topic: &str,
        payload: &P,
    ) -> Result<EventDraft, InvalidEvent> {
        EventDraft::new(topic, Payload::json(payload)?)
    }

    /// An event with bytes that are JSON already.
    ///
    /// # Errors
    /// [`InvalidEvent`].
    pub fn raw(topic: &str, payload: impl Into<Vec<u8>>) -> Result<EventDraft, InvalidEvent> {
        EventDraft::new(topic, Payload::from_bytes(payload)?)
    }
}

impl EventDraft {
    fn new(topic: &str, payload: Payload) -> Result<Self, InvalidEvent> {
        let parsed = Topic::parse(topic).map_err(|source| InvalidEvent::Topic {
            topic: topic.chars().take(256).collect(),
            source,
        })?;
        Ok(Self {
            topic: parsed,
            payload,
        })
    }

    pub(crate) fn into_parts(self) -> (Topic, Payload) {
        (self.topic, self.payload)
    }

    /// On whose behalf. Its source is the host's own session, once a host has taken it.
    pub fn by(self, principal: &PrincipalId) -> Event {
        Event::verified(self.topic, self.payload, principal.clone(), Uuid::nil())
    }
}

/// The bus and the dispatcher of a host.
pub(crate) struct Events {
    pub(crate) bus: EventBus,
    pub(crate) dispatcher: Dispatcher<CapsuleHandler>,
    rate: PublishRate,
    questions: Questions,
    /// The host's own.
    session: Uuid,
}

impl Events {
    /// What a host with this session begins with.
    pub(crate) fn new(session: Uuid, dispatcher: Dispatcher<CapsuleHandler>) -> Self {
        let reports = dispatcher.clone();
        // What the bus itself reports reaches handlers as well.
        let bus = EventBus::new(session).reporting_to(move |draft| {
            handle(&reports, Event::of(draft, PrincipalId::default_principal()));
        });
        Self {
            bus,
            dispatcher,
            rate: PublishRate::default(),
            questions: Questions::default(),
            session,
        }
    }

    /// Asks the handlers of an event of the host itself, if there is room for it.
    fn handle(&self, event: Event) {
        handle(&self.dispatcher, event);
    }

    /// Keeps an uplink from answering what it asked itself.
    fn as_uplink<'a>(
        &'a self,
        uplink: &'a CapsuleName,
        draft: &Draft,
    ) -> Result<Option<Noted<'a>>, Refused> {
        if !self.questions.may_answer(uplink, &draft.topic) {
            return Err(Refused::OwnQuestion);
        }
        let Some(topic) = speech::question(&draft.topic) else {
            return Ok(None);
        };
        // Handlers read the one, subscriptions the other.
        let inner = draft.payload.unwrapped();
        let forms = [inner.as_str(), draft.payload.as_str()];
        Ok(Some(self.questions.ask(uplink, topic, forms)?))
    }

    /// Announces an event to the subscriptions: the one door for events that no guest publishes. The caller asks the
    /// handlers.
    fn enter(&self, event: Event) -> Event {
        self.bus.publish(event.draft());
        event
    }

    /// Takes an event from outside, unless nothing is taken any more: then nobody hears of it.
    pub(crate) fn take(&self, event: Event) -> Event {
        let event = event.taken_by(self.session);
        if self.dispatcher.is_open() {
            self.enter(event)
        } else {
            event
        }
    }

    /// Takes an event from within a call, unless it is nested too deep: then nobody hears of it.
    pub(crate) fn take_within(&self, scope: &CallScope, event: EventDraft) -> (Topic, Payload) {
        let (topic, payload) = event.into_parts();
        if scope.depth < MAX_DEPTH {
            self.enter(Event::within(scope, topic.clone(), payload.clone()));
        }
        (topic, payload)
    }
}

impl From<Unasked> for Refused {
    fn from(error: Unasked) -> Self {
        match error {
            Unasked::TooMany => Self::Questions,
            Unasked::NoId => Self::NoQuestion,
        }
    }
}

impl From<DispatchError> for Refused {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::Depth { .. } => Self::Depth,
            _ => Self::Backpressure,
        }
    }
}

fn handle(dispatcher: &Dispatcher<CapsuleHandler>, event: Event) {
    if let Err(error) = dispatcher.try_publish(event) {
        tracing::warn!(%error, "its handlers don't hear of an event of the host itself");
    }
}

impl Current for Events {
    fn current(&self, capsule: &CapsuleName) -> Option<Arc<LoadedCapsule>> {
        let handler = self.dispatcher.loaded(capsule)?;
        Some(Arc::clone(handler.capsule()))
    }
}

impl Surroundings for Events {
    fn lane(&self, capsule: &CapsuleName, principal: &PrincipalId) -> Arc<Lane> {
        self.dispatcher.lanes().of(capsule).lane(principal)
    }

    fn queued(&self, capsule: &CapsuleName) -> usize {
        self.dispatcher.queued(capsule)
    }

    fn tell(&self, topic: &'static str, principal: &PrincipalId, payload: &serde_json::Value) {
        match Event::json(topic, payload) {
            Ok(draft) => {
                let (topic, payload) = draft.into_parts();
                let event = Event::system(topic, payload, principal.clone(), self.session);
                self.handle(self.enter(event));
            }
            Err(error) => tracing::warn!(topic, %error, "an event of the host itself is none"),
        }
    }
}

impl Outlet for Events {
    fn publish(&self, call: &CallContext, draft: Draft) -> Result<(), Refused> {
        let capsule = &call.capsule;
        self.bus
            .may_fan_out(&draft)
            .map_err(|_| Refused::Backpressure)?;
        let question = match capsule.manifest.capabilities.uplink {
            true => self.as_uplink(&capsule.name, &draft)?,
            false => None,
        };
        let bytes = draft.payload.as_bytes().len();
        // Asked last: what is refused for another reason costs nothing, and was delivered to nobody.
        let pay = || {
            let account = &call.scope.principal.account;
            if !account.may_publish(bytes.saturating_add(ENVELOPE)) {
                return Err(Refused::RateLimited);
            }
            let charged = self.rate.charge(&capsule.name, call.principal(), bytes);
            charged.map_err(|_| Refused::RateLimited)
        };
        if call.depth < MAX_DEPTH && self.dispatcher.asks_nobody(&draft.topic) {
            // What a thousand run loops publish is mostly for subscriptions alone.
            pay()?;
        } else {
            let principal = match &draft.attribution {
                Attribution::Verified(principal) | Attribution::Claimed { principal, .. } => {
                    principal
                }
                Attribution::System => call.principal(),
            };
            let event = Event::of(&draft, principal.clone()).caused_within(&call.nesting());
            self.dispatcher.try_publish_for(event, pay)?;
        }
        if let Some(question) = question {
            question.published();
        }
        self.bus.publish(draft);
        Ok(())
    }

    fn subscribe(
        &self,
        subscriptions: &Owner,
        pattern: &TopicPattern,
        only: Option<&PrincipalId>,
    ) -> Result<Subscription, SubscribeError> {
        self.bus.subscribe_for(pattern, subscriptions, only)
    }
}

/// The capsules that the operator requires, by topic, as the dispatcher wants them.
pub(crate) type Required = Vec<(TopicPattern, Vec<CapsuleName>)>;
