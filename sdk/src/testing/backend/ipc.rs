//! The functions behind [`ipc`](crate::ipc), on a host in memory.

use std::{cell::RefCell, rc::Rc};

use super::{Pause, State, current, poll::Pollable, wait, with};
use crate::{
    ipc::{
        Attribution, Batch, Binding, Denied, Error, MAX_HANDLER_SUBSCRIPTIONS, MAX_SUBSCRIPTIONS,
        Message,
    },
    sys::Caller,
    testing::{CAPSULE_ID, PEER_ID, TIMESTAMP, access, bus, door},
};

/// The capability of those who speak for people.
const UPLINK: &str = "uplink";

/// The longest that the host waits in one go: 60 seconds, by the contract.
const MAX_WAIT_MS: u64 = 60_000;

#[derive(Debug)]
pub struct Subscription {
    state: Rc<RefCell<State>>,
    id: u64,
}

impl Subscription {
    pub fn poll(&self) -> Result<Batch, Error> {
        let mut state = self.state.borrow_mut();
        state.settle();
        // What is there may be taken until the end.
        if state.is_unloading() && !state.bus.has_something(self.id) {
            return Err(Error::Closed);
        }
        Ok(self.take(&mut state))
    }

    pub fn recv(&self, timeout_ms: u64) -> Result<Batch, Error> {
        let timeout = timeout_ms.min(MAX_WAIT_MS) * 1_000_000;
        let ready = |state: &State| state.bus.has_something(self.id);
        match wait(&self.state, Some(timeout), ready) {
            Pause::Ready | Pause::TimeIsUp => Ok(self.take(&mut self.state.borrow_mut())),
            Pause::Unloaded => Err(Error::Closed),
        }
    }

    pub fn readiness(&self) -> Pollable {
        let id = self.id;
        Pollable::new(self.state.clone(), move |state| state.bus.has_something(id))
    }

    fn take(&self, state: &mut State) -> Batch {
        let batch = state.bus.take(self.id);
        // A run loop goes on for whom it heard, or for itself.
        if state.in_run_loop {
            state.caller = match batch.messages.first() {
                Some(message) => Caller {
                    principal: message.principal.name().map(String::from),
                    source_id: message.source_id.clone(),
                    timestamp: TIMESTAMP.into(),
                },
                None => Caller::default(),
            };
        }
        batch
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.state.borrow_mut().bus.unsubscribe(self.id);
    }
}

pub fn publish(topic: &str, payload: &str) -> Result<(), Error> {
    let principal = with(|state| {
        may_publish(state, topic, Denied::Publish)?;
        Ok(state.principal())
    })?;
    send(topic, payload, Attribution::Verified(principal))
}

pub fn publish_as(topic: &str, payload: &str, principal: &str) -> Result<(), Error> {
    with(|state| {
        if !state.capabilities.contains(UPLINK) {
            return Err(Error::CapabilityDenied(Denied::PublishAs(topic.into())));
        }
        may_publish(state, topic, Denied::PublishAs)
    })?;
    send(topic, payload, Attribution::Claimed(principal.into()))
}

/// Whether the manifest, or else anything, lets the capsule publish on a topic.
fn may_publish(
    state: &State,
    topic: &str,
    denied: impl FnOnce(String) -> Denied,
) -> Result<(), Error> {
    if !bus::is_topic(topic) {
        return Err(Error::InvalidInput);
    }
    let listed = state.access.as_ref();
    let uplink = state.capabilities.contains(UPLINK);
    if listed.is_none_or(|access| access.may_publish(topic)) && access::may_speak(topic, uplink) {
        Ok(())
    } else {
        Err(Error::CapabilityDenied(denied(topic.into())))
    }
}

fn send(topic: &str, payload: &str, principal: Attribution) -> Result<(), Error> {
    door::json("payload", payload.as_bytes()).map_err(|_| Error::InvalidInput)?;
    let (message, answerer) = with(|state| {
        let message = Message {
            topic: topic.into(),
            payload: payload.into(),
            source_id: CAPSULE_ID.into(),
            principal,
        };
        state.bus.admits(topic)?;
        state.bus.published.push(message.clone());
        state.bus.deliver(&message);
        let answerer = state.bus.answerer(topic);
        Ok::<_, Error>((message, answerer))
    })?;
    // The answerer is the test's own code: it may use the host, so nothing of it is borrowed meanwhile.
    let answer = answerer.and_then(|answerer| bus::answer(&message, &answerer, PEER_ID));
    if let Some(answer) = answer {
        with(|state| state.bus.deliver(&answer));
    }
    Ok(())
}

pub fn subscribe(pattern: &str) -> Result<Subscription, Error> {
    if !bus::is_pattern(pattern) {
        return Err(Error::InvalidInput);
    }
    let state = current();
    let id = {
        let mut state = state.borrow_mut();
        let listed = state.access.as_ref();
        if listed.is_some_and(|access| !access.may_subscribe(pattern)) {
            return Err(Error::CapabilityDenied(Denied::Subscribe(pattern.into())));
        }
        let most = if state.in_run_loop {
            MAX_SUBSCRIPTIONS
        } else {
            MAX_HANDLER_SUBSCRIPTIONS
        };
        state.bus.subscribe(pattern, most)?
    };
    Ok(Subscription { state, id })
}

pub fn bindings() -> Result<Vec<Binding>, Error> {
    Ok(with(|state| state.bus.bindings.clone()))
}
