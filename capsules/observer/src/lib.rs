//! Counts prompts and answers.
//!
//! `mode = "observe"` runs a handler beside the chain: whatever it answers, and even if it fails, the event goes its way.
//!
//! The counts are in `self`, which is the memory of one instance. An instance never passes from one principal to
//! another, so what is counted here is one principal's. The host may end it whenever no call runs in it (to make room,
//! after a failure, when the capsule is reloaded), and may begin another beside it: then counting begins anew. Nothing in
//! `self` is promised to last longer than a call.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::BTreeMap;

use astrid_sdk::prelude::*;

const PROMPT: &str = "user.v1.prompt";
const RESPONSE: &str = "agent.v1.response";

#[derive(Default)]
struct Observer {
    /// How many events of a topic were seen.
    seen: RefCell<BTreeMap<&'static str, u64>>,
}

#[capsule]
impl Observer {
    #[astrid::hook(topic = "user.v1.prompt", mode = "observe")]
    fn prompt(&self) {
        self.count(PROMPT);
    }

    #[astrid::hook(topic = "agent.v1.response", mode = "observe")]
    fn response(&self) {
        self.count(RESPONSE);
    }

    /// Tells how many prompts and answers were seen.
    #[astrid::command(kind = "slash")]
    fn seen(&self) -> BTreeMap<&'static str, u64> {
        self.seen.borrow().clone()
    }

    fn count(&self, topic: &'static str) {
        *self.seen.borrow_mut().entry(topic).or_default() += 1;
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

    fn seen(observer: &Observer) -> Option<Value> {
        host().invoke(observer, "seen", &()).data
    }

    #[test]
    fn an_instance_counts_by_topic() {
        let observer = Observer::default();
        assert_eq!(seen(&observer), Some(json!({})));
        let prompt = json!({ "text": "hi" });
        for action in ["prompt", "prompt", "response"] {
            let outcome = host().invoke(&observer, action, &prompt);
            assert_eq!((outcome.verdict, outcome.data), (Kind::Continue, None));
        }
        assert_eq!(
            seen(&observer),
            Some(json!({ "user.v1.prompt": 2, "agent.v1.response": 1 }))
        );
    }

    #[test]
    fn what_it_sees_may_have_any_shape() {
        let observer = Observer::default();
        host().invoke(&observer, "prompt", &json!(["no object"]));
        assert_eq!(seen(&observer), Some(json!({ "user.v1.prompt": 1 })));
    }

    #[test]
    fn another_instance_begins_anew() {
        let observer = Observer::default();
        host().invoke(&observer, "prompt", &());
        assert_eq!(seen(&Observer::default()), Some(json!({})));
    }
}
