//! Hides card numbers and e-mail addresses in a prompt.

#![forbid(unsafe_code)]

mod scan;

use std::collections::BTreeMap;

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A prompt; what this capsule doesn't know of it goes through untouched.
#[derive(Deserialize, Serialize)]
struct Prompt {
    text: String,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Default)]
struct Redact;

#[capsule]
impl Redact {
    #[astrid::hook("redact", topic = "user.v1.prompt", priority = 10)]
    fn redact(&self, mut prompt: Prompt) -> Verdict<Prompt> {
        match scan::redact(&prompt.text) {
            None => Verdict::Continue,
            Some(redacted) => {
                log::info!("{} hidden", redacted.count);
                prompt.text = redacted.text;
                Verdict::Rewrite(prompt)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_sdk::testing::{Host, Kind};
    use serde_json::json;

    #[test]
    fn a_rewritten_prompt_keeps_its_other_fields() {
        let prompt = json!({ "text": "I am ada@example.com", "session_id": "s1", "context": [1] });
        let outcome = Host::new().invoke(&Redact, "redact", &prompt);
        assert_eq!(outcome.verdict, Kind::Continue);
        assert_eq!(
            outcome.data,
            Some(json!({ "text": "I am [e-mail]", "session_id": "s1", "context": [1] }))
        );
        assert_eq!(outcome.logs[0].message, "1 hidden");
    }

    #[test]
    fn a_harmless_prompt_is_left_alone() {
        let outcome = Host::new().invoke(&Redact, "redact", &json!({ "text": "hello" }));
        assert_eq!((outcome.verdict, outcome.data), (Kind::Continue, None));
    }
}
