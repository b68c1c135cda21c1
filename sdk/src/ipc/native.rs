//! The functions behind [`ipc`](crate::ipc), on a host in memory.

use core::cell::RefCell;
use std::{rc::Rc, time::Duration};

use super::{
    Attribution, Batch, Binding, Denied, Error, MAX_HANDLER_SUBSCRIPTIONS, MAX_SUBSCRIPTIONS,
    MAX_WAIT, Message,
};
use crate::{
    poll::native::Pollable,
    sys::Caller,
    testing::{
        CAPSULE_ID, PEER_ID, TIMESTAMP, access, door,
        state::{Core, Pause, State, current, nanoseconds, wait, with},
    },
};

mod bus;
mod host;

use bus::Bus;

pub use bus::MAX_KEPT;
pub use host::Incoming;

/// The capability of those who speak for people.
const UPLINK: &str = "uplink";

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
        if state.core.is_unloading() && !state.is(|bus: &Bus| bus.has_something(self.id)) {
            return Err(Error::Closed);
        }
        Ok(self.take(&mut state))
    }

    pub fn recv(&self, timeout_ms: u64) -> Result<Batch, Error> {
        let timeout = nanoseconds(Duration::from_millis(timeout_ms).min(MAX_WAIT));
        let ready = |state: &State| state.is(|bus: &Bus| bus.has_something(self.id));
        match wait(&self.state, Some(timeout), ready) {
            Pause::Ready | Pause::TimeIsUp => Ok(self.take(&mut self.state.borrow_mut())),
            Pause::Unloaded => Err(Error::Closed),
        }
    }

    pub fn subscribe_readiness(&self) -> Pollable {
        let id = self.id;
        Pollable::new(self.state.clone(), move |bus: &Bus| bus.has_something(id))
    }

    fn take(&self, state: &mut State) -> Batch {
        state.with(|core, bus: &mut Bus| {
            let batch = bus.take(self.id);
            // A run loop goes on for whom it heard, or for itself.
            if core.in_run_loop {
                core.caller = match batch.messages.first() {
                    Some(message) => Caller {
                        principal: message.principal.name().map(String::from),
                        source_id: message.source_id.clone(),
                        timestamp: TIMESTAMP.into(),
                    },
                    None => Caller::default(),
                };
            }
            batch
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        state.with(|_, bus: &mut Bus| bus.unsubscribe(self.id));
    }
}

pub fn publish(topic: &str, payload: &str) -> Result<(), Error> {
    let principal = {
        let state = current();
        let core = &state.borrow().core;
        may_publish(core, topic, Denied::Publish)?;
        core.principal()
    };
    send(topic, payload, Attribution::Verified(principal))
}

pub fn publish_as(topic: &str, payload: &str, principal: &str) -> Result<(), Error> {
    {
        let state = current();
        let core = &state.borrow().core;
        if !core.holds(UPLINK) {
            return Err(Error::CapabilityDenied(Denied::PublishAs(topic.into())));
        }
        may_publish(core, topic, Denied::PublishAs)?;
    }
    send(topic, payload, Attribution::Claimed(principal.into()))
}

/// Whether the manifest, or else anything, lets the capsule publish on a topic.
fn may_publish(
    core: &Core,
    topic: &str,
    denied: impl FnOnce(String) -> Denied,
) -> Result<(), Error> {
    if !bus::is_topic(topic) {
        return Err(Error::InvalidInput);
    }
    let listed = core.access.as_ref();
    if listed.is_none_or(|access| access.may_publish(topic))
        && access::may_speak(topic, core.holds(UPLINK))
    {
        Ok(())
    } else {
        Err(Error::CapabilityDenied(denied(topic.into())))
    }
}

fn send(topic: &str, payload: &str, principal: Attribution) -> Result<(), Error> {
    door::json("payload", payload.as_bytes()).map_err(|_| Error::InvalidInput)?;
    let (message, answerer) = with(|_, bus: &mut Bus| {
        let message = Message {
            topic: topic.into(),
            payload: payload.into(),
            source_id: CAPSULE_ID.into(),
            principal,
        };
        bus.admits(topic)?;
        bus.published.push(message.clone());
        bus.deliver(&message);
        let answerer = bus.answerer(topic);
        Ok::<_, Error>((message, answerer))
    })?;
    // The answerer is the test's own code: it may use the host, so nothing of it is borrowed meanwhile.
    let answer = answerer.and_then(|answerer| bus::answer(&message, &answerer, PEER_ID));
    if let Some(answer) = answer {
        with(|_, bus: &mut Bus| bus.deliver(&answer));
    }
    Ok(())
}

pub fn subscribe(pattern: &str) -> Result<Subscription, Error> {
    if !bus::is_pattern(pattern) {
        return Err(Error::InvalidInput);
    }
    let state = current();
    let id = state.borrow_mut().with(|core, bus: &mut Bus| {
        let listed = core.access.as_ref();
        if listed.is_some_and(|access| !access.may_subscribe(pattern)) {
            return Err(Error::CapabilityDenied(Denied::Subscribe(pattern.into())));
        }
        let most = if core.in_run_loop {
            MAX_SUBSCRIPTIONS
        } else {
            MAX_HANDLER_SUBSCRIPTIONS
        };
        bus.subscribe(pattern, most)
    })?;
    Ok(Subscription { state, id })
}

pub fn bindings() -> Result<Vec<Binding>, Error> {
    Ok(with(|_, bus: &mut Bus| bus.bindings.clone()))
}
