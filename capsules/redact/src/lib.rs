//! Hides card numbers and e-mail addresses in a prompt.
//!
//! A prompt may have up to 1 MiB, and fields of any shape. What this capsule doesn't look into it keeps as the text that
//! came (`RawValue`): read as `serde_json::Value` it can need more memory than a call has, and a guard that fails is one
//! to be got past. For the same reason the manifest says `on_error = "deny"`.

#![forbid(unsafe_code)]

mod scan;

use std::collections::BTreeMap;

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// A prompt's fields, as they were written.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Prompt {
    fields: BTreeMap<String, Box<RawValue>>,
}

#[derive(Default)]
struct Redact;

#[capsule]
impl Redact {
    #[astrid::hook("redact", topic = "user.v1.prompt", priority = 10, on_error = "deny")]
    fn redact(&self, mut prompt: Prompt) -> Result<Verdict<Prompt>> {
        let Some(text) = prompt.fields.get_mut("text") else {
            return Err("the prompt has no `text`".into());
        };
        let plain: String = serde_json::from_str(text.get())
            .map_err(|error| Error::msg(format!("the prompt's `text` cannot be read: {error}")))?;
        match scan::redact(&plain) {
            None => Ok(Verdict::Continue),
            Some(redacted) => {
                log::info!("{} hidden", redacted.count);
                *text = to_raw_value(&redacted.text)?;
                Ok(Verdict::Rewrite(prompt))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_sdk::testing::{Host, Kind, Outcome};
    use astrid_sdk::{Answer, Capsule};
    use serde_json::{Value, json};

    fn redact(prompt: Value) -> Outcome {
        let host = Host::new().manifest(include_str!("../Capsule.toml"));
        host.invoke(&Redact, "redact", &prompt)
    }

    #[test]
    fn a_rewritten_prompt_keeps_its_other_fields() {
        let outcome =
            redact(json!({ "text": "I am ada@example.com", "session_id": "s1", "context": [1] }));
        assert_eq!(outcome.verdict, Kind::Continue);
        assert_eq!(
            outcome.data,
            Some(json!({ "text": "I am [e-mail]", "session_id": "s1", "context": [1] }))
        );
        assert_eq!(outcome.logs[0].message, "1 hidden");
    }

    #[test]
    fn other_fields_go_through_byte_for_byte() {
        let prompt = r#"{"text":"ada@example.com","n":18446744073709551616,"x":{ "a" : 1e400 }}"#;
        let rewritten = r#"{"n":18446744073709551616,"text":"[e-mail]","x":{ "a" : 1e400 }}"#;
        assert_eq!(
            Redact.dispatch("redact", prompt.as_bytes()),
            Answer::Continue(Some(rewritten.into()))
        );
    }

    #[test]
    fn a_harmless_prompt_is_left_alone() {
        let outcome = redact(json!({ "text": "hello" }));
        assert_eq!((outcome.verdict, outcome.data), (Kind::Continue, None));
    }

    #[test]
    fn what_has_no_text_is_denied() {
        let denied = |prompt, reason: &str| {
            let outcome = redact(prompt);
            assert_eq!(outcome.verdict, Kind::Deny);
            let told = outcome.reason.unwrap_or_default();
            assert!(told.starts_with(reason), "{told}");
        };
        denied(json!({}), "the prompt has no `text`");
        denied(
            json!({ "text": 5 }),
            "the prompt's `text` cannot be read: invalid type",
        );
        denied(json!("text"), "the payload doesn't fit `Prompt`");
    }
}
