//! What came of a call, as a test looks at it: the answer, or why the real host would not have let it through.

use serde_json::Value;

use super::door;
use crate::{private::Answer, sys::Level};

/// A line of log that a capsule wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
}

/// What kind of answer a hook gave, or a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The next handler goes on, with [`Outcome::data`] if there is any.
    Continue,
    /// The chain ends with [`Outcome::data`] as its answer.
    Final,
    /// The chain ends; [`Outcome::reason`] says why.
    Deny,
    /// The host doesn't let the call or its answer through; [`Outcome::reason`] says why. On the real host this is an
    /// error of the call, not an answer of the capsule.
    Refused,
}

/// What came of calling a hook.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What kind of answer it is.
    pub verdict: Kind,
    /// The rewritten payload or the answer.
    pub data: Option<Value>,
    /// Why it was denied or refused.
    pub reason: Option<String>,
    /// What the hook logged during this call.
    pub logs: Vec<LogLine>,
}

impl Outcome {
    pub(super) fn of(answer: Answer) -> Self {
        let (verdict, data, reason) = match answer {
            Answer::Continue(data) => (Kind::Continue, data, None),
            Answer::Final(data) => (Kind::Final, Some(data), None),
            Answer::Deny(reason) => (Kind::Deny, None, Some(reason)),
        };
        let admitted = match &data {
            Some(data) => door::json("answer", data.as_bytes()),
            None => Ok(()),
        };
        if let Err(reason) = admitted {
            return Self::refused(reason);
        }
        Self {
            verdict,
            // What is JSON and no `Value` (a number out of its range) is shown as the text it is.
            data: data.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
            reason,
            logs: Vec::new(),
        }
    }

    pub(super) fn refused(reason: String) -> Self {
        Self {
            verdict: Kind::Refused,
            data: None,
            reason: Some(reason),
            logs: Vec::new(),
        }
    }
}
