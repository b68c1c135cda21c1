//! Payloads: JSON that was validated once, where it entered, and is shared from then on.
//!
//! Every way in ends here: events, calls, arguments of tools, what guests publish and rewrite. Nothing here knows who
//! sends or reads a payload.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use self::grammar::Refused;
pub use crate::limits::payload::{MAX_NESTING, MAX_PAYLOAD};

mod grammar;
mod structure;

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
    /// An object has a key twice, and readers differ in which of the two values they take.
    #[error("the key {key} stands twice in the payload")]
    KeyTwice {
        /// The key's path, such as `user.tags[3].name`.
        key: String,
    },
    /// More than [`MAX_NESTING`] arrays and objects lie in each other.
    #[error(
        "a payload has at most {MAX_NESTING} levels of arrays and objects: {path} opens one more"
    )]
    TooDeep {
        /// The path of the array or object.
        path: String,
    },
}

impl PayloadError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => {
                "hand it over in pieces, or as a file that is named in the payload"
            }
            Self::NotUtf8 { .. } => "write it as UTF-8; binary data as Base64 in a string",
            Self::NotJson { .. } => {
                r#"write JSON, in single quotes for the shell: '{"name": "Ada"}'; a string is JSON only in quotes: '"text"'"#
            }
            Self::KeyTwice { .. } => "leave one of the two",
            Self::TooDeep { .. } => "make the payload flatter, or hand inner parts over as strings",
        }
    }
}

/// One JSON value of at most [`MAX_PAYLOAD`] bytes and [`MAX_NESTING`] levels, as it was written. No object in it has
/// a key twice. Cloning shares the bytes.
#[derive(Clone)]
pub struct Payload {
    text: Arc<String>,
    part: Range<usize>,
}

impl Payload {
    /// Takes text that should be JSON.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn parse(text: impl Into<String>) -> Result<Self, PayloadError> {
        let text = text.into();
        check(&text)?;
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
    /// [`PayloadError::NotJson`] if the value has no JSON form, else as [`Self::parse`].
    pub fn json<V: Serialize + ?Sized>(value: &V) -> Result<Self, PayloadError> {
        Self::parse(serde_json::to_string(value).map_err(not_json)?)
    }

    /// Reads the payload as a value.
    ///
    /// # Errors
    /// What the value's type doesn't take.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
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

/// Judges whether text is a payload.
///
/// # Errors
/// [`PayloadError`].
pub fn check(text: &str) -> Result<(), PayloadError> {
    if text.len() > MAX_PAYLOAD {
        return Err(PayloadError::TooLarge { bytes: text.len() });
    }
    match grammar::read(text) {
        Ok(()) => Ok(()),
        Err(Refused::Structure(error)) => Err(error),
        // Where and why, in the words that guests hear of it, too.
        Err(Refused::Grammar) => match serde_json::from_str::<IgnoredAny>(text) {
            Err(error) => Err(not_json(error)),
            Ok(_) => Err(PayloadError::NotJson {
                reason: "it cannot be read".into(),
            }),
        },
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

impl Serialize for Payload {
    /// The JSON as it was written, where the serializer is `serde_json`'s.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = self.read().map_err(ser::Error::custom)?;
        raw.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        Self::parse(Box::<str>::from(raw)).map_err(de::Error::custom)
    }
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

#[cfg(test)]
mod tests;
