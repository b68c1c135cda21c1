//! The frames' JSON: what a host says, and the envelope with the version that everything said is put in.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::ControlError;
use super::frame;
use super::problem::Problem;
use super::protocol::VERSION;
use super::remark::Remark;

/// What a host says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To who connects.
    Hello(Hello),
    /// Before a reply.
    Remark(Remark),
    /// The reply.
    Done(Box<RawValue>),
    /// Why there is none.
    Failed(Problem),
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its process.
    pub pid: u32,
}

/// Every frame. `v` and `astrid` are in those of every version.
#[derive(Serialize)]
struct Envelope<'a, T> {
    v: u32,
    astrid: &'a str,
    body: &'a T,
}

#[derive(Deserialize)]
struct Sealed<'a> {
    v: u32,
    #[serde(default)]
    astrid: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    body: Option<&'a RawValue>,
}

/// A frame with something to say in it.
///
/// # Errors
/// [`ControlError::TooLarge`].
pub fn seal(body: &impl Serialize) -> Result<Vec<u8>, ControlError> {
    frame::encode(&Envelope {
        v: VERSION,
        astrid: env!("CARGO_PKG_VERSION"),
        body,
    })
}

/// What a frame's JSON says.
///
/// # Errors
/// [`ControlError::Version`], [`ControlError::Garbage`].
pub fn unseal<T: DeserializeOwned>(json: &[u8]) -> Result<T, ControlError> {
    let garbage = |error| ControlError::garbage(&error);
    let sealed: Sealed<'_> = serde_json::from_slice(json).map_err(garbage)?;
    if sealed.v != VERSION {
        let astrid = sealed.astrid.as_deref().unwrap_or("of an unknown version");
        return Err(ControlError::Version {
            version: sealed.v,
            astrid: astrid.chars().take(64).collect(),
        });
    }
    let body = sealed.body.map_or("null", RawValue::get);
    serde_json::from_str(body).map_err(garbage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::requests::{List, Request};

    fn sealed(json: &str) -> Result<Request, ControlError> {
        unseal(json.as_bytes())
    }

    #[test]
    fn what_was_sealed_is_unsealed() {
        let request = Request::from(List {});
        let frame = seal(&request).expect("a frame");
        assert_eq!(unseal::<Request>(&frame[4..]).expect("a request"), request);
    }

    #[test]
    fn another_version_is_named_and_not_guessed_at() {
        let text = r#"{"v": 7, "astrid": "7.1.0", "later": [], "body": "what an earlier one doesn't know"}"#;
        match sealed(text) {
            Err(ControlError::Version { version, astrid }) => {
                assert_eq!((version, astrid.as_str()), (7, "7.1.0"));
            }
            other => panic!("{other:?}"),
        }
        let nameless = sealed(r#"{"v": 0}"#);
        assert!(matches!(nameless, Err(ControlError::Version { .. })));
    }

    #[test]
    fn what_is_no_request_is_garbage() {
        let empty = format!(r#"{{"v": {VERSION}}}"#);
        let unknown = "x".repeat(10_000);
        let long = format!(r#"{{"v": {VERSION}, "body": {{"{unknown}": {{}}}}}}"#);
        for json in ["", "[]", "{}", &empty, r#"{"v": -1}"#, &long] {
            match sealed(json) {
                Err(ControlError::Garbage { reason }) => assert!(reason.len() < 1_000, "{reason}"),
                other => panic!("{json}: {other:?}"),
            }
        }
    }
}
