//! What the real host looks at before it calls a capsule, and before it takes its answer: the action, and whether bytes
//! are a payload.

use std::collections::HashSet;

use serde::{Deserialize, de::IgnoredAny};

use super::{MAX_ACTION, MAX_PAYLOAD};
use crate::private::Capsule;

/// The most arrays and objects of a payload that lie in each other: 128.
pub const MAX_NESTING: usize = 128;

/// Whether a capsule has the action: what its exports don't list it is not asked for.
pub fn action(capsule: &impl Capsule, action: &str) -> Result<(), String> {
    if action.is_empty() || action.len() > MAX_ACTION {
        let bytes = action.len();
        return Err(format!(
            "an action's name has 1 to {MAX_ACTION} bytes, not {bytes}"
        ));
    }
    let listed = listed(capsule)?;
    if listed.iter().any(|one| one == action) {
        return Ok(());
    }
    let there = match listed.as_slice() {
        [] => "it has none".into(),
        some => format!("it has `{}`", some.join("`, `")),
    };
    Err(format!("the capsule has no handler `{action}`: {there}"))
}

/// The actions that a capsule says it has.
fn listed<C: Capsule>(_: &C) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Exports {
        handlers: Vec<Handler>,
    }
    #[derive(Deserialize)]
    struct Handler {
        action: String,
    }
    let exports: Exports = serde_json::from_str(C::EXPORTS)
        .map_err(|error| format!("what the capsule says of its exports can't be read: {error}"))?;
    Ok(exports.handlers.into_iter().map(|one| one.action).collect())
}

/// Whether bytes are one JSON value of at most [`MAX_PAYLOAD`] bytes and [`MAX_NESTING`] levels, in which no object has a
/// key twice.
pub fn json(what: &str, bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > MAX_PAYLOAD {
        return Err(format!(
            "the {what} has {} bytes, more than {MAX_PAYLOAD}",
            bytes.len()
        ));
    }
    let no_json = |error: &dyn core::fmt::Display| format!("the {what} is no JSON: {error}");
    let text = str::from_utf8(bytes).map_err(|error| no_json(&error))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| no_json(&error))?;
    levels(text).map_err(|reason| format!("the {what} {reason}"))
}

/// Looks at the levels of what is JSON.
fn levels(text: &str) -> Result<(), String> {
    /// The keys so far, of an object.
    type Level = Option<HashSet<String>>;
    let mut levels: Vec<Level> = Vec::new();
    let mut key_is_next = false;
    let mut rest = text;
    while let Some(at) = rest.find(['"', '{', '[', '}', ']', ',']) {
        let (_, from) = rest.split_at(at);
        let length = match from.as_bytes().first() {
            Some(b'"') => {
                let length = string_length(from);
                if std::mem::take(&mut key_is_next)
                    && let Some(Some(keys)) = levels.last_mut()
                {
                    let (quoted, _) = from.split_at(length);
                    let key: String =
                        serde_json::from_str(quoted).map_err(|error| error.to_string())?;
                    if !keys.insert(key) {
                        return Err(format!("has the key {quoted} twice in one object"));
                    }
                }
                length
            }
            Some(b'{' | b'[') => {
                if levels.len() == MAX_NESTING {
                    return Err(format!("is nested deeper than {MAX_NESTING} levels"));
                }
                key_is_next = from.starts_with('{');
                levels.push(key_is_next.then(HashSet::new));
                1
            }
            Some(b',') => {
                key_is_next = matches!(levels.last(), Some(Some(_)));
                1
            }
            _ => {
                levels.pop();
                key_is_next = false;
                1
            }
        };
        (_, rest) = from.split_at(length);
    }
    Ok(())
}

/// The length of the string that JSON begins with, its quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), &str>) {
        let judged = json("payload", text.as_bytes());
        let as_expected = match (&judged, expected) {
            (Ok(()), Ok(())) => true,
            (Err(said), Err(wanted)) => said.contains(wanted),
            _ => false,
        };
        assert!(as_expected, "{judged:?} of {text:.80}");
    }

    #[test]
    fn json_is_admitted() {
        for text in [
            "null",
            " [1, {}] ",
            r#"{"a":{"b":1},"b":[{"a":1},{"a":2}]}"#,
        ] {
            check(text, Ok(()));
        }
        check(r#"{"a":"\"}{[,","b":"a"}"#, Ok(()));
        check(&format!("{}{}", "[".repeat(128), "]".repeat(128)), Ok(()));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "{} x", "'a'", "nul"] {
            check(text, Err("the payload is no JSON: "));
        }
        assert!(json("payload", b"\"\xff\"").is_err());
    }

    #[test]
    fn a_key_twice_is_refused_however_it_is_written() {
        check(r#"{"a":1,"b":{},"a":2}"#, Err(r#"the key "a" twice"#));
        check(r#"[{"x":{"a":1,"\u0061":2}}]"#, Err("twice"));
    }

    #[test]
    fn too_deep_is_refused() {
        let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
        check(&deep, Err("deeper than 128 levels"));
        check(&"[".repeat(100_000), Err("no JSON"));
    }

    #[test]
    fn too_large_is_refused() {
        check(&"1".repeat(MAX_PAYLOAD + 1), Err("more than 1048576"));
    }
}
