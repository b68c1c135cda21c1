//! Refuses a prompt that holds a secret.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Prompt {
    text: String,
}

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("check", topic = "user.v1.prompt", priority = 20, on_error = "deny")]
    fn check(&self, prompt: Prompt) -> Verdict {
        match secret(&prompt.text) {
            None => Verdict::Continue,
            Some(what) => {
                log::warn!("refused a prompt that holds {what}");
                Verdict::Deny(format!("the prompt holds {what}"))
            }
        }
    }
}

/// How a token begins, and what it is.
const TOKENS: [(&str, &str); 4] = [
    ("ghp_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
    ("AKIA", "an AWS access key"),
    ("xoxb-", "a Slack token"),
];

/// Fewer letters than this after its beginning, and it is talk about tokens.
const TOKEN_REST: usize = 16;

/// What secret a text holds, if it does.
fn secret(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    words.find_map(|word| {
        let (_, what) = TOKENS.iter().find(|(start, _)| {
            word.strip_prefix(start)
                .is_some_and(|rest| rest.len() >= TOKEN_REST)
        })?;
        Some(*what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_sdk::testing::{Host, Kind};
    use serde_json::json;

    fn host() -> Host {
        Host::new().manifest(include_str!("../Capsule.toml"))
    }

    fn ask(text: &str) -> (Kind, Option<String>) {
        let outcome = host().invoke(&Guard, "check", &json!({ "text": text }));
        (outcome.verdict, outcome.reason)
    }

    fn denied(what: &str) -> (Kind, Option<String>) {
        (Kind::Deny, Some(format!("the prompt holds {what}")))
    }

    #[test]
    fn a_harmless_prompt_continues() {
        assert_eq!(ask("what is the weather?"), (Kind::Continue, None));
        assert_eq!(
            ask("a GitHub token begins with ghp_"),
            (Kind::Continue, None)
        );
    }

    #[test]
    fn a_private_key_is_denied() {
        let key = "sign with -----BEGIN RSA PRIVATE KEY-----\nMIIE";
        assert_eq!(ask(key), denied("a private key"));
    }

    #[test]
    fn a_token_is_denied() {
        assert_eq!(
            ask("use ghp_0123456789abcdefghij"),
            denied("a GitHub token")
        );
        assert_eq!(
            ask("key=AKIA0123456789ABCDEF;"),
            denied("an AWS access key")
        );
    }

    #[test]
    fn a_prompt_without_text_is_denied() {
        let outcome = host().invoke(&Guard, "check", &json!({ "text": 5 }));
        assert_eq!(outcome.verdict, Kind::Deny);
        assert!(outcome.reason.unwrap_or_default().contains("`text`"));
    }
}
