//! What the bus carries: a payload, its topic, and its publisher.

use uuid::Uuid;

use crate::names::PrincipalId;
use crate::payload::Payload;
use crate::topic::Topic;

/// What a message is taken to need in a guest besides its topic and payload: the source, the principal, and the
/// record that holds them.
pub const ENVELOPE: usize = 256;

/// For whom a message was published, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Attribution {
    /// The host knows: it is the principal of the call that published the message.
    Verified(PrincipalId),
    /// A capsule with the `uplink` capability says so.
    Claimed {
        /// The principal that it names.
        principal: PrincipalId,
        /// The session uuid of the capsule.
        by: Uuid,
    },
    /// The host itself.
    System,
}

impl Attribution {
    /// The principal; none for the host itself.
    pub fn principal(&self) -> Option<&PrincipalId> {
        match self {
            Self::Verified(principal) | Self::Claimed { principal, .. } => Some(principal),
            Self::System => None,
        }
    }
}

/// What a publisher says; the bus adds when it came and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// About what.
    pub topic: Topic,
    /// What.
    pub payload: Payload,
    /// The session uuid of the publisher.
    pub source: Uuid,
    /// For whom.
    pub attribution: Attribution,
}

/// A message on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// About what.
    pub topic: Topic,
    /// What.
    pub payload: Payload,
    /// The session uuid of the publisher.
    pub source: Uuid,
    /// When it was published.
    pub timestamp: jiff::Timestamp,
    /// Its place among all messages of the host, from 0: every subscription sees them ascend.
    pub seq: u64,
    /// For whom.
    pub attribution: Attribution,
}

impl Message {
    /// About how many bytes the message takes in a guest.
    pub(super) fn size(&self) -> usize {
        self.payload.as_str().len() + self.topic.as_str().len() + ENVELOPE
    }
}
