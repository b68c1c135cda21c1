//! Why something about messages didn't work: the contract's codes, and what can go wrong with a payload on this side.

use core::fmt;

/// Why the host did not do what it was asked, or why a payload can't be written or read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The manifest doesn't list the topic under `[publish]` or `[subscribe]`, or doesn't ask for the capability
    /// `uplink` that [`publish_as`](super::publish_as) needs.
    CapabilityDenied,
    /// What was given is no topic, no pattern or no name of a principal, or the payload is none: more than
    /// [`MAX_PAYLOAD`](super::MAX_PAYLOAD) bytes, no JSON, an object that has a key twice, or more than 128 levels.
    InvalidInput,
    /// The capsule is being unloaded: nothing comes any more.
    Closed,
    /// More than 10 MiB a second were published by this capsule for this principal. Later it may work.
    RateLimited,
    /// The handlers of the topic can't keep up, so nothing was published. Later it may work.
    Backpressure,
    /// The capsule has [`MAX_SUBSCRIPTIONS`](super::MAX_SUBSCRIPTIONS) already.
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
            Self::CapabilityDenied => {
                "the manifest doesn't allow it: list the topic under [publish] or [subscribe] in Capsule.toml"
            }
            Self::InvalidInput => "no topic, pattern or principal, or no payload: more than 1 MiB or 128 levels, a key twice",
            Self::Closed => "the capsule is being unloaded",
            Self::RateLimited => "more was published than the host takes in a second",
            Self::Backpressure => "the topic's handlers can't keep up",
            Self::Quota => "the capsule has as many subscriptions as it may",
            Self::Timeout => "nobody answered in time",
            Self::Refused(text) | Self::Misfit(text) | Self::Unknown(text) => text,
            Self::NotJson(text) => {
                return write!(f, "the payload can't be written as JSON: {text}");
            }
        })
    }
}

impl std::error::Error for Error {}
