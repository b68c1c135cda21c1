//! Greets by name.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Serialize)]
struct Answer {
    greeting: String,
}

#[derive(Default)]
struct Hello;

#[capsule]
impl Hello {
    #[astrid::hook("greet")]
    fn greet(&self, visitor: Visitor) -> Verdict<(), Answer> {
        log::debug!("greeting {}", visitor.name);
        Verdict::Final(Answer {
            greeting: format!("Hello, {}!", visitor.name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_sdk::testing::{Host, Kind};
    use serde_json::json;

    fn host() -> Host {
        Host::new().manifest(include_str!("../Capsule.toml"))
    }

    #[test]
    fn greets_by_name() {
        let outcome = host().invoke(&Hello, "greet", &json!({ "name": "Ada" }));
        assert_eq!(outcome.verdict, Kind::Final);
        assert_eq!(outcome.data, Some(json!({ "greeting": "Hello, Ada!" })));
    }

    #[test]
    fn a_nameless_visitor_is_told_what_is_missing() {
        let outcome = host().invoke(&Hello, "greet", &json!({}));
        assert_eq!(outcome.verdict, Kind::Deny);
        assert!(outcome.reason.unwrap_or_default().contains("`name`"));
    }
}
