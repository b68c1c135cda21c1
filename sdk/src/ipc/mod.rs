//! Messages between capsules: publish them, subscribe to them, ask and be asked.
//!
//! A message has a topic and a payload, which is JSON of at most 1 MiB. A topic is at most 8 segments of
//! `[a-z0-9_-]`, separated by dots, at most 256 bytes in all; a pattern is a topic, or one whose last segment is `*`,
//! which stands for one segment or more. What a capsule may publish and subscribe to is listed in its
//! Capsule.toml under `[publish]` and `[subscribe]`; what isn't listed is [`Error::CapabilityDenied`].
//!
//! ```
//! use astrid_sdk::prelude::*;
//! use std::time::Duration;
//! # astrid_sdk::testing::Host::new().run(|| {
//! let greetings = ipc::subscribe("greeting.v1.*")?;
//! ipc::publish("greeting.v1.said", &"hello")?;
//!
//! if let Some(batch) = greetings.recv(Duration::from_secs(5))? {
//!     for message in batch {
//!         assert_eq!(message.read::<String>()?, "hello");
//!     }
//! }
//! # Ok::<(), ipc::Error>(())
//! # }).unwrap();
//! ```
//!
//! # Nothing waits but a receive
//!
//! Publishing is accepted or refused at once: [`Error::Backpressure`] and [`Error::RateLimited`] say that the same
//! may work later. The rate is of bytes of payload, 10 MiB a second for each principal, and only what is accepted counts.
//!
//! A subscription that isn't emptied drops its oldest messages, and says in [`Batch::dropped`] how many: above 1,024
//! messages, or when all subscriptions of the capsule hold more than 64 MiB together. Then those that hold most lose
//! first.
//!
//! # On whose behalf
//!
//! What a handler publishes is published for the principal of its call. A run loop hears many principals: after a
//! receive that brought messages, all that it does (publish, look things up) is done for their principal, after one that
//! brought none, for the capsule's own. So deal with a batch before the next receive, of whichever subscription. A batch
//! never mixes principals.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{json, poll::Pollable};

#[cfg(target_family = "wasm")]
mod component;
mod error;
mod exchange;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod native;
mod principal;

#[cfg(target_family = "wasm")]
use component as backend;
#[cfg(not(target_family = "wasm"))]
use native as backend;

pub use error::{Denied, Error};
pub use exchange::{Request, refuse, request, request_to, respond, response_topic};
pub use principal::Principal;

/// The most bytes of a payload: 1 MiB, by the contract.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// The most bytes of a topic and of a pattern: 256, by the contract.
pub const MAX_TOPIC: usize = 256;

/// The most segments of a topic and of a pattern: 8, by the contract.
pub const MAX_SEGMENTS: usize = 8;

/// The most subscriptions of one capsule, all of which its run loop may hold: 128, by the contract.
pub const MAX_SUBSCRIPTIONS: usize = 128;

/// The most of these that hooks, commands and tools may hold in one instance: 16, by the contract.
pub const MAX_HANDLER_SUBSCRIPTIONS: usize = 16;

/// The longest that the host waits in one go: 60 seconds, by the contract. [`Subscription::recv`] asks again where
/// it is to wait longer.
const MAX_WAIT: Duration = Duration::from_millis(60_000);

/// Publishes a payload, on behalf of the principal that this code runs for.
pub fn publish(topic: &str, payload: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    publish_json(topic, &to_json(payload)?)
}

/// Publishes a payload that is JSON text already.
pub fn publish_json(topic: &str, payload: &str) -> Result<(), Error> {
    backend::publish(topic, payload)
}

/// Publishes a payload on behalf of another principal, for those who speak for people that the host doesn't know.
/// Needs the capability `uplink`; receivers see it as [`Attribution::Claimed`].
///
/// ```
/// use astrid_sdk::prelude::*;
/// # astrid_sdk::testing::Host::new().capability("uplink").run(|| {
/// let ada = ipc::Principal::new("ada")?;
/// ipc::publish_as(&ada, "chat.v1.said", &"hello")?;
/// # Ok::<(), ipc::Error>(())
/// # }).unwrap();
/// ```
pub fn publish_as(
    principal: &Principal,
    topic: &str,
    payload: &(impl Serialize + ?Sized),
) -> Result<(), Error> {
    backend::publish_as(topic, &to_json(payload)?, principal.as_str())
}

fn to_json(payload: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    serde_json::to_string(payload).map_err(|error| Error::NotJson(error.to_string()))
}

/// Subscribes to a topic, or to all that begin as a pattern does: `greeting.v1.*`. Messages are kept from now on, until
/// the subscription is dropped.
pub fn subscribe(pattern: &str) -> Result<Subscription, Error> {
    backend::subscribe(pattern).map(Subscription)
}

/// Which of this capsule's actions is bound to which topic, as its manifest has it.
pub fn bindings() -> Result<Vec<Binding>, Error> {
    let bindings = backend::bindings()?;
    Ok(bindings)
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it was published on.
    pub topic: String,
    /// JSON.
    pub payload: String,
    /// The session uuid of the capsule that published it; empty when no capsule did.
    pub source_id: String,
    /// On whose behalf it was published, and how far that can be believed.
    pub principal: Attribution,
}

impl Message {
    /// The payload, as a type. What doesn't fit is [`Error::Misfit`], which says what was expected where.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let misfit = format_args!("the message on `{}` doesn't fit", self.topic);
        json::read(misfit, self.payload.as_bytes()).map_err(Error::Misfit)
    }
}

/// On whose behalf a message was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribution {
    /// The host vouches for it: this principal's call published it.
    Verified(String),
    /// The capsule that published it says so.
    Claimed(String),
    /// It is the host's own.
    System,
}

impl Attribution {
    /// The principal's name, also one that is only claimed; none for the host itself.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Verified(name) | Self::Claimed(name) => Some(name),
            Self::System => None,
        }
    }

    /// The principal's name, if the host vouches for it.
    pub fn verified(&self) -> Option<&str> {
        match self {
            Self::Verified(name) => Some(name),
            Self::Claimed(_) | Self::System => None,
        }
    }
}

/// What one receive brought: messages of one principal, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The messages; none when all there is to tell is that some were lost.
    pub messages: Vec<Message>,
    /// How many messages the subscription lost, because it was full, since the last receive.
    pub dropped: u64,
    /// How far the subscription lagged behind the bus, in messages, as the host counts it.
    pub lagged: u64,
}

impl Batch {
    /// Whether there is nothing to tell, lost messages included.
    fn is_nothing(&self) -> bool {
        self.messages.is_empty() && self.dropped == 0 && self.lagged == 0
    }
}

impl IntoIterator for Batch {
    type Item = Message;
    type IntoIter = std::vec::IntoIter<Message>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.into_iter()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a Message;
    type IntoIter = core::slice::Iter<'a, Message>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.iter()
    }
}

/// Messages that are kept until they are received. Ends when dropped.
#[derive(Debug)]
#[must_use = "the subscription ends as soon as this is dropped"]
pub struct Subscription(backend::Subscription);

impl Subscription {
    /// What is there now, without waiting; none if nothing is.
    pub fn poll(&self) -> Result<Option<Batch>, Error> {
        let batch = self.0.poll()?;
        Ok((!batch.is_nothing()).then_some(batch))
    }

    /// Waits for messages, and takes those that are there; none when the time is up. Parked all the while: it costs no CPU
    /// time. [`Error::Closed`] when the capsule is being unloaded.
    ///
    /// The timeout may be of any length; less than a millisecond counts as one.
    pub fn recv(&self, timeout: Duration) -> Result<Option<Batch>, Error> {
        let mut left = timeout;
        loop {
            let piece = left.min(MAX_WAIT);
            let milliseconds = piece.as_nanos().div_ceil(1_000_000);
            // It fits: it is at most `MAX_WAIT`.
            let batch = self.0.recv(milliseconds as u64)?;
            if !batch.is_nothing() {
                return Ok(Some(batch));
            }
            left -= piece;
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// Waits for messages for as long as it takes; none when the capsule is being unloaded. The shape of a run loop:
    /// `while let Some(batch) = subscription.wait()? { .. }`.
    pub fn wait(&self) -> Result<Option<Batch>, Error> {
        match self.recv(Duration::MAX) {
            Err(Error::Closed) => Ok(None),
            other => other,
        }
    }

    /// Becomes ready when messages are there: to wait for several things at once, with
    /// [`poll::wait_any`](crate::poll::wait_any). What to receive then is taken with [`poll`](Self::poll).
    pub fn readiness(&self) -> Pollable<'_> {
        Pollable::new(self.0.subscribe_readiness())
    }
}

/// One of the capsule's actions, bound to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its place in the list.
    pub handle_id: u64,
    /// The handler's name.
    pub action: String,
    /// The topic or pattern.
    pub topic: String,
}
