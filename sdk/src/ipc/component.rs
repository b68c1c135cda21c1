//! The functions behind [`ipc`](crate::ipc), as calls to the host. Only conversion belongs here.

use super::{Denied, Error};
use crate::component::imports::astrid::ipc::host;

pub use host::{Subscription, get_interceptor_bindings as bindings};

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

pub fn publish(topic: &str, payload: &str) -> Result<(), Error> {
    host::publish(topic, payload).map_err(or_denied(Denied::Publish, topic))
}

pub fn publish_as(topic: &str, payload: &str, principal: &str) -> Result<(), Error> {
    host::publish_as(topic, payload, principal).map_err(or_denied(Denied::PublishAs, topic))
}

pub fn subscribe(pattern: &str) -> Result<Subscription, Error> {
    host::subscribe(pattern).map_err(or_denied(Denied::Subscribe, pattern))
}
