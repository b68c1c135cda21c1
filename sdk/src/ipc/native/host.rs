//! The test's side of messages: what comes, who answers, what is refused, what was published.

use std::{rc::Rc, time::Duration};

use serde::Serialize;
use serde_json::Value;

use super::bus::{Answerer, Bus};
use crate::{
    ipc::{Attribution, Binding, Error, Message},
    testing::{Host, PEER_ID},
};

/// A message for the capsule to receive. Unless said otherwise another capsule, [`PEER_ID`], published it just now for the
/// principal `default`.
#[derive(Clone, Debug)]
pub struct Incoming {
    message: Message,
    after: Duration,
}

impl Incoming {
    /// A message with this payload; what JSON can't hold is `null`.
    pub fn new(topic: impl Into<String>, payload: &(impl Serialize + ?Sized)) -> Self {
        let payload = serde_json::to_string(payload).unwrap_or_else(|_| "null".into());
        Self {
            message: Message {
                topic: topic.into(),
                payload,
                source_id: PEER_ID.into(),
                principal: Attribution::Verified("default".into()),
            },
            after: Duration::ZERO,
        }
    }

    /// It is published for this principal.
    pub fn by(self, principal: impl Into<String>) -> Self {
        self.attributed(Attribution::Verified(principal.into()))
    }

    /// Its principal is one that isn't verified, or the host itself.
    pub fn attributed(mut self, principal: Attribution) -> Self {
        self.message.principal = principal;
        self
    }

    /// The capsule of this session uuid publishes it.
    pub fn from(mut self, source_id: impl Into<String>) -> Self {
        self.message.source_id = source_id.into();
        self
    }

    /// It comes so much later.
    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

impl Host {
    /// Lets a message come. It reaches those that are subscribed when the capsule next receives, waits, or sleeps until
    /// it comes: a run loop that isn't started yet gets it too. One that nobody is subscribed to is gone.
    pub fn deliver(&self, incoming: Incoming) {
        self.package(|core, bus: &mut Bus| {
            bus.schedule(core.after(incoming.after), incoming.message);
        });
    }

    /// Lets another capsule, [`PEER_ID`], answer what [`ipc::request`](crate::ipc::request) asks on this topic: with
    /// a value, or with why it won't.
    pub fn answer(
        self,
        topic: impl Into<String>,
        function: impl Fn(Value) -> Result<Value, String> + 'static,
    ) -> Self {
        let answerer = Answerer {
            topic: topic.into(),
            function: Rc::new(function),
        };
        self.set(|bus: &mut Bus| bus.answerers.push(answerer))
    }

    /// Refuses what the capsule publishes on this topic, or on all that a trailing `*` stands for, as with
    /// [`Error::Backpressure`].
    pub fn refuse_publish(self, pattern: impl Into<String>, error: Error) -> Self {
        self.set(|bus: &mut Bus| bus.refused.push((pattern.into(), error)))
    }

    /// Takes back all that [`Host::refuse_publish`] said.
    pub fn accept_publish(&self) {
        self.package(|_, bus: &mut Bus| bus.refused.clear());
    }

    /// Refuses a subscription to this very pattern, as with [`Error::CapabilityDenied`].
    pub fn refuse_subscribe(self, pattern: impl Into<String>, error: Error) -> Self {
        self.set(|bus: &mut Bus| bus.refused_subscriptions.push((pattern.into(), error)))
    }

    /// Lets [`ipc::bindings`](crate::ipc::bindings) have one more.
    pub fn binding(self, action: impl Into<String>, topic: impl Into<String>) -> Self {
        self.set(|bus: &mut Bus| {
            let bindings = &mut bus.bindings;
            bindings.push(Binding {
                handle_id: bindings.len() as u64,
                action: action.into(),
                topic: topic.into(),
            });
        })
    }

    /// Everything that the capsule published so far, what was refused left out.
    pub fn published(&self) -> Vec<Message> {
        self.package(|_, bus: &mut Bus| bus.published.clone())
    }
}
