//! Answers a prompt: the end of the chain.
//!
//! The handlers of a topic are asked one after another, lower priority first, and each sees the payload as the one before
//! it left it. A `Final` is the answer and ends the chain, so this one comes last. A real one would ask a model.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// What of a prompt (a `user_input`) the answer is made from.
#[derive(Deserialize)]
struct Prompt {
    text: String,
    #[serde(default)]
    session_id: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    r#type: &'static str,
    text: String,
    is_final: bool,
    session_id: Option<String>,
}

#[derive(Default)]
struct Responder;

#[capsule]
impl Responder {
    #[astrid::hook("answer", topic = "user.v1.prompt", priority = 100)]
    fn answer(&self, prompt: Prompt) -> Verdict<(), Answer> {
        let text = match prompt.text.trim() {
            "" => "You said nothing.".into(),
            text => format!("You said: {text}"),
        };
        Verdict::Final(Answer {
            r#type: "agent_response",
            text,
            is_final: true,
            session_id: prompt.session_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_sdk::testing::{Host, Kind};
    use serde_json::{Value, json};

    fn host() -> Host {
        Host::new().manifest(include_str!("../Capsule.toml"))
    }

    fn answer(prompt: Value) -> Value {
        let outcome = host().invoke(&Responder, "answer", &prompt);
        assert_eq!(outcome.verdict, Kind::Final, "{:?}", outcome.reason);
        outcome.data.unwrap_or_default()
    }

    #[test]
    fn a_prompt_is_answered_in_its_session() {
        let prompt =
            json!({ "type": "user_input", "text": " hello ", "session_id": "s1", "context": null });
        assert_eq!(
            answer(prompt),
            json!({
                "type": "agent_response",
                "text": "You said: hello",
                "is_final": true,
                "session_id": "s1",
            })
        );
    }

    #[test]
    fn an_empty_prompt_is_answered_too() {
        let answered = answer(json!({ "text": " " }));
        assert_eq!(answered["text"], "You said nothing.");
        assert_eq!(answered["session_id"], Value::Null);
    }

    #[test]
    fn a_prompt_without_text_is_denied() {
        let outcome = host().invoke(&Responder, "answer", &json!({}));
        assert_eq!(outcome.verdict, Kind::Deny);
        assert!(outcome.reason.unwrap_or_default().contains("`text`"));
    }
}
