//! Why something about messages didn't work: the contract's codes, and what can go wrong with a payload on this side.

use core::fmt;

/// What the manifest doesn't allow, with the topic or the pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// Publishing: `[publish]` doesn't list the topic, or it is one on which only the host, or an uplink, speaks.
    Publish(String),
    /// Publishing for another principal: that needs the capability `uplink`, and what [`Denied::Publish`] needs.
    PublishAs(String),
    /// Subscribing: `[subscribe]` doesn't list the pattern, nor one that covers it.
    Subscribe(String),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // On a reserved topic no line helps. Which these are the host knows, and says in the capsule's log.
            Self::Publish(topic) if topic.starts_with("astrid.v1.") => write!(
                f,
                "publishing on `{topic}` is denied: only the host, or an uplink, speaks there, or [publish] in Capsule.toml lacks: \"{topic}\" = {{}}"
            ),
            Self::Publish(topic) => write!(
                f,
                "publishing on `{topic}` is denied: add to [publish] in Capsule.toml: \"{topic}\" = {{}}"
            ),
            Self::PublishAs(topic) => write!(
                f,
                "publishing on `{topic}` for another principal is denied: Capsule.toml needs uplink = true under [capabilities], and under [publish]: \"{topic}\" = {{}}"
            ),
            Self::Subscribe(pattern) => write!(
                f,
                "subscribing to `{pattern}` is denied: add to [subscribe] in Capsule.toml: \"{pattern}\" = {{}}"
            ),
        }
    }
}

/// Why the host did not do what it was asked, or why a payload can't be written or read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The manifest doesn't allow it. The text names the line to add to Capsule.toml.
    CapabilityDenied(Denied),
    /// What was given is no topic, no pattern or no name of a principal, or the payload is none: more than
    /// [`MAX_PAYLOAD`](super::MAX_PAYLOAD) bytes, no JSON, an object that has a key twice, or more than 128 levels.
    InvalidInput,
    /// The capsule is being unloaded: nothing comes any more.
    Closed,
    /// More than 10 MiB a second were published by this capsule for this principal, where each message costs its payload
    /// and 256 bytes. Later it may work.
    RateLimited,
    /// The handlers of the topic can't keep up, so nothing was published. Later it may work.
    Backpressure,
    /// The capsule has [`MAX_SUBSCRIPTIONS`](super::MAX_SUBSCRIPTIONS) already, or this instance
    /// [`MAX_HANDLER_SUBSCRIPTIONS`](super::MAX_HANDLER_SUBSCRIPTIONS) and isn't its run loop.
    Quota,
    /// Nobody answered in time.
    Timeout,
    /// The one that was asked answered that it won't, in its words.
    Refused(String),
    /// The payload can't be written as JSON.
    NotJson(String),
    /// The payload isn't what was expected; says what was expected where.
    Misfit(String),
    /// Something the contract has no code for, in the host's words.
    Unknown(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CapabilityDenied(denied) => return denied.fmt(f),
            Self::InvalidInput => "no topic, pattern or principal, or no payload: more than 1 MiB or 128 levels, a key twice",
            Self::Closed => "the capsule is being unloaded",
            Self::RateLimited => "more was published than the host takes in a second",
            Self::Backpressure => "the topic's handlers can't keep up",
            Self::Quota => "there are as many subscriptions as there may be: drop one first",
            Self::Timeout => "nobody answered in time",
            Self::Refused(text) | Self::Misfit(text) | Self::Unknown(text) => text,
            Self::NotJson(text) => {
                return write!(f, "the payload can't be written as JSON: {text}");
            }
        })
    }
}

impl std::error::Error for Error {}
