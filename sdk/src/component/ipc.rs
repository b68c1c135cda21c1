//! The functions behind [`ipc`](crate::ipc), as calls to the host. Only conversion belongs here.

use super::imports::astrid::ipc::host;
use super::poll::Pollable;
use crate::ipc::{Attribution, Batch, Binding, Denied, Error, Message};

impl From<host::ErrorCode> for Error {
    fn from(code: host::ErrorCode) -> Self {
        match code {
            // Only publishing and subscribing are denied, and these say what was.
            host::ErrorCode::CapabilityDenied => Self::Unknown("capability-denied".into()),
            host::ErrorCode::InvalidInput => Self::InvalidInput,
            host::ErrorCode::Closed => Self::Closed,
            host::ErrorCode::RateLimited => Self::RateLimited,
            host::ErrorCode::Backpressure => Self::Backpressure,
            host::ErrorCode::Quota => Self::Quota,
            host::ErrorCode::Timeout => Self::Timeout,
            host::ErrorCode::Unknown(text) => Self::Unknown(text),
        }
    }
}

/// An error of publishing or subscribing, which may be a denial.
fn or_denied(
    denied: impl FnOnce(String) -> Denied,
    what: &str,
) -> impl FnOnce(host::ErrorCode) -> Error {
    move |code| match code {
        host::ErrorCode::CapabilityDenied => Error::CapabilityDenied(denied(what.into())),
        other => other.into(),
    }
}

impl From<host::IpcEnvelope> for Batch {
    fn from(envelope: host::IpcEnvelope) -> Self {
        let message = |message: host::IpcMessage| Message {
            topic: message.topic,
            payload: message.payload,
            source_id: message.source_id,
            principal: match message.principal {
                host::PrincipalAttribution::Verified(name) => Attribution::Verified(name),
                host::PrincipalAttribution::Claimed(name) => Attribution::Claimed(name),
                host::PrincipalAttribution::System => Attribution::System,
            },
        };
        Self {
            messages: envelope.messages.into_iter().map(message).collect(),
            dropped: envelope.dropped,
            lagged: envelope.lagged,
        }
    }
}

#[derive(Debug)]
pub struct Subscription(host::Subscription);

impl Subscription {
    pub fn poll(&self) -> Result<Batch, Error> {
        Ok(self.0.poll()?.into())
    }

    pub fn recv(&self, timeout_ms: u64) -> Result<Batch, Error> {
        Ok(self.0.recv(timeout_ms)?.into())
    }

    pub fn readiness(&self) -> Pollable {
        Pollable(self.0.subscribe_readiness())
    }
}

pub fn publish(topic: &str, payload: &str) -> Result<(), Error> {
    host::publish(topic, payload).map_err(or_denied(Denied::Publish, topic))
}

pub fn publish_as(topic: &str, payload: &str, principal: &str) -> Result<(), Error> {
    host::publish_as(topic, payload, principal).map_err(or_denied(Denied::PublishAs, topic))
}

pub fn subscribe(pattern: &str) -> Result<Subscription, Error> {
    let subscribed = host::subscribe(pattern).map_err(or_denied(Denied::Subscribe, pattern))?;
    Ok(Subscription(subscribed))
}

pub fn bindings() -> Result<Vec<Binding>, Error> {
    let binding = |binding: host::InterceptorBinding| Binding {
        handle_id: binding.handle_id,
        action: binding.action,
        topic: binding.topic,
    };
    Ok(host::get_interceptor_bindings()?
        .into_iter()
        .map(binding)
        .collect())
}
