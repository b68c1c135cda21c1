//! Counts for each principal.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Default, Deserialize, Serialize)]
struct Counter {
    count: u64,
}

#[capsule]
impl Counter {
    #[astrid::hook("count", retry = 3)]
    fn count(&mut self) -> Verdict<(), u64> {
        self.count = self.count.saturating_add(1);
        Verdict::Final(self.count)
    }

    #[astrid::hook("look")]
    fn look(&self) -> Verdict<(), u64> {
        Verdict::Final(self.count)
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

    fn ask(host: &Host, action: &str) -> Option<Value> {
        host.invoke(&Counter::default(), action, &()).data
    }

    #[test]
    fn counts_for_each_principal() {
        let host = host();
        let (alice, bob) = (host.by("alice"), host.by("bob"));
        assert_eq!(ask(&alice, "count"), Some(json!(1)));
        assert_eq!(ask(&alice, "count"), Some(json!(2)));
        assert_eq!(ask(&bob, "count"), Some(json!(1)));
        assert_eq!(ask(&alice, "look"), Some(json!(2)));
    }

    #[test]
    fn no_count_is_lost_when_two_meet() {
        let host = host();
        host.refuse_write(1, kv::Error::CasMismatch);
        assert_eq!(ask(&host, "count"), Some(json!(1)));
    }

    #[test]
    fn without_room_the_count_stays() {
        let host = host().kv_quota(19);
        assert_eq!(ask(&host, "count"), Some(json!(1)));
        host.set_state("default", &Counter { count: 99 }).unwrap();
        let outcome = host.invoke(&Counter::default(), "count", &());
        assert_eq!(outcome.verdict, Kind::Deny);
        assert_eq!(ask(&host, "look"), Some(json!(99)));
    }
}
