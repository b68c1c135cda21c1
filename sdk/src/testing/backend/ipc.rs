//! The functions behind [`ipc`](crate::ipc), on a host in memory.

use std::{cell::RefCell, rc::Rc};

use super::{Pause, State, current, poll::Pollable, wait, with};
use crate::{
    ipc::{Attribution, Batch, Binding, Error, Message},
    sys::Caller,
    testing::{CAPSULE_ID, PEER_ID, TIMESTAMP, bus},
};

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
    send(topic, payload, |state| {
        Ok(Attribution::Verified(state.principal()))
    })
}

pub fn publish_as(topic: &str, payload: &str, principal: &str) -> Result<(), Error> {
    send(topic, payload, |state| {
        if state.capabilities.contains("uplink") {
            Ok(Attribution::Claimed(principal.into()))
        } else {
            Err(Error::CapabilityDenied)
        }
    })
}

fn send(
    topic: &str,
    payload: &str,
    attribution: impl FnOnce(&State) -> Result<Attribution, Error>,
) -> Result<(), Error> {
    let (message, answerer) = with(|state| {
        let message = Message {
            topic: topic.into(),
            payload: payload.into(),
            source_id: CAPSULE_ID.into(),
            principal: attribution(state)?,
        };
        state.bus.admits(topic, payload)?;
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
    let state = current();
    let id = state.borrow_mut().bus.subscribe(pattern)?;
    Ok(Subscription { state, id })
}

pub fn bindings() -> Result<Vec<Binding>, Error> {
    Ok(with(|state| state.bus.bindings.clone()))
}
