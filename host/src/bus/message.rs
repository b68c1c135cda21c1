//! What the bus carries: a payload that is known to be JSON, and who published it.
//!
//! Bytes enter once and are validated there; what leaves is shared, so cloning any of it is counting.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::call::MAX_PAYLOAD;
use crate::policy::topic::Topic;
use crate::principal::PrincipalId;

/// What a message is taken to need in a guest besides its topic and payload: the source, the principal, and the
/// record that holds them.
const ENVELOPE: usize = 256;

/// Why bytes are no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// There are more than [`MAX_PAYLOAD`] bytes.
    #[error("a payload has at most {MAX_PAYLOAD} bytes, not {bytes}")]
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// The bytes aren't UTF-8, and so no JSON either.
    #[error("a payload is JSON in UTF-8, but byte {at} is in no character")]
    NotUtf8 {
        /// Which byte, counted from 0.
        at: usize,
    },
    /// The text isn't one JSON value.
    #[error("a payload is one JSON value: {reason}")]
    NotJson {
        /// What is wrong, and in which line and column.
        reason: String,
    },
}

/// One JSON value of at most [`MAX_PAYLOAD`] bytes, as it was written. How deep it is nested isn't bounded: who parses
/// it with recursion bounds that. Cloning shares the bytes.
#[derive(Clone)]
pub struct Payload {
    text: Arc<String>,
    part: Range<usize>,
}

impl Payload {
    /// Takes text that should be JSON.
    ///
    /// # Errors
    /// [`PayloadError::TooLarge`], [`PayloadError::NotJson`].
    pub fn parse(text: impl Into<String>) -> Result<Self, PayloadError> {
        let text = text.into();
        if text.len() > MAX_PAYLOAD {
            return Err(PayloadError::TooLarge { bytes: text.len() });
        }
        serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(not_json)?;
        Ok(Self::whole(text))
    }

    /// Takes bytes that should be JSON.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, PayloadError> {
        let text = String::from_utf8(bytes.into()).map_err(|error| PayloadError::NotUtf8 {
            at: error.utf8_error().valid_up_to(),
        })?;
        Self::parse(text)
    }

    /// The JSON of a value.
    ///
    /// # Errors
    /// [`PayloadError::NotJson`] if the value has no JSON form, [`PayloadError::TooLarge`].
    pub fn json<V: Serialize + ?Sized>(value: &V) -> Result<Self, PayloadError> {
        let text = serde_json::to_string(value).map_err(not_json)?;
        if text.len() > MAX_PAYLOAD {
            return Err(PayloadError::TooLarge { bytes: text.len() });
        }
        Ok(Self::whole(text))
    }

    fn whole(text: String) -> Self {
        Self {
            part: 0..text.len(),
            text: Arc::new(text),
        }
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        // `part` is the whole, or where a value was found in it.
        &self.text[self.part.clone()]
    }

    /// The JSON text as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    /// What a handler gets: the data of a `custom` and the value of a `raw_json` envelope, one layer of it; of anything
    /// else the payload itself. Copies nothing.
    #[must_use]
    pub fn unwrapped(&self) -> Self {
        let text = self.as_str();
        // An envelope is an object; anything else needn't be looked into.
        if !text.trim_ascii_start().starts_with('{') {
            return self.clone();
        }
        // What isn't read as an envelope (a field twice, a tag that is no string) is none.
        let Some(inner) = serde_json::from_str::<Envelope<'_>>(text)
            .ok()
            .and_then(Envelope::inner)
        else {
            return self.clone();
        };
        // The value was borrowed from `text`, which begins at `part.start`.
        let start = self.part.start + (inner.as_ptr().addr() - text.as_ptr().addr());
        Self {
            text: Arc::clone(&self.text),
            part: start..start + inner.len(),
        }
    }
}

fn not_json(error: serde_json::Error) -> PayloadError {
    PayloadError::NotJson {
        reason: error.to_string(),
    }
}

/// The fields by which an envelope is known; others are skipped.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    tag: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    value: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    fn inner(self) -> Option<&'a str> {
        match &*self.tag {
            "custom" => self.data,
            "raw_json" => self.value,
            _ => None,
        }
        .map(RawValue::get)
    }
}

/// A field that is there, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Payload").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Payload {
    /// Whether the two are written alike.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Payload {}

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
        self.payload.part.len() + self.topic.as_str().len() + ENVELOPE
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
