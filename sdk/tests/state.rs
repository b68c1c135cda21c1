//! Capsules with state, on the host in memory.

use astrid_sdk::testing::{Host, Incoming, Kind, Outcome};
use astrid_sdk::{kv, prelude::*, state};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
struct Counter {
    count: u64,
    names: Vec<String>,
}

#[capsule]
impl Counter {
    #[astrid::hook]
    fn add(&mut self, number: u64) -> Verdict<(), u64> {
        self.count += number;
        Verdict::Final(self.count)
    }

    #[astrid::hook(retry = 2)]
    fn add_again(&mut self, number: u64) -> Verdict<(), u64> {
        log::info!("adds {number} to {}", self.count);
        self.add(number)
    }

    #[astrid::hook]
    fn deny(&mut self) -> Verdict {
        self.count += 10;
        Verdict::Deny("no".into())
    }

    #[astrid::hook]
    fn fail(&mut self) -> Result<()> {
        self.count += 100;
        Err("failed".into())
    }

    #[astrid::hook]
    fn impossible(&mut self) -> Verdict<(), std::collections::BTreeMap<Vec<u8>, u8>> {
        self.count += 1_000;
        Verdict::Final([(vec![1], 1)].into())
    }

    #[astrid::hook]
    fn look(&self) -> Verdict<(), u64> {
        Verdict::Final(self.count)
    }

    #[astrid::hook]
    fn touch(&mut self) {}

    #[astrid::hook]
    fn outside() -> Verdict<(), &'static str> {
        Verdict::Final("no state")
    }

    #[astrid::hook]
    fn meddle(&mut self) -> Result<()> {
        self.count += 1;
        state::update(|counter: &mut Counter| counter.count += 5)?;
        Ok(())
    }

    #[astrid::hook]
    fn name(&mut self, name: String) {
        self.names.push(name);
    }

    /// Adds.
    #[astrid::tool]
    fn add_by_tool(&mut self, number: u64) -> Result<u64> {
        self.count += number;
        if number == 13 {
            return Err("an unlucky number".into());
        }
        Ok(self.count)
    }

    /// Adds.
    #[astrid::command(retry = 1)]
    fn add_by_command(&mut self, number: u64) -> u64 {
        self.count += number;
        self.count
    }

    #[astrid::install]
    fn install(&mut self) {
        self.count = 1;
    }

    #[astrid::upgrade]
    fn upgrade(&mut self, previous: &str) -> Result<()> {
        self.names.push(previous.into());
        if previous == "0.0.0" {
            return Err("that was no version".into());
        }
        Ok(())
    }

    #[astrid::run]
    fn run() -> Result<()> {
        let numbers = ipc::subscribe("counter.v1.add")?;
        while let Some(batch) = numbers.wait()? {
            for message in batch {
                let number: u64 = message.read()?;
                state::update(|counter: &mut Counter| counter.count += number)?;
            }
        }
        Ok(())
    }
}

fn call(host: &Host, action: &str, payload: impl Serialize) -> Outcome {
    host.invoke(&Counter::default(), action, &payload)
}

fn add(host: &Host, number: u64) -> Option<Value> {
    call(host, "add", number).data
}

fn count(host: &Host, principal: &str) -> Option<u64> {
    let counter = host.state::<Counter>(principal).unwrap();
    counter.map(|counter| counter.count)
}

fn stored(host: &Host) -> Option<String> {
    let bytes = host.run(|| kv::get("__state")).unwrap();
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}

fn store(host: &Host, text: &str) {
    host.run(|| kv::set("__state", text.as_bytes())).unwrap();
}

#[test]
fn a_state_lasts_from_call_to_call_and_is_each_principals_own() {
    let host = Host::new();
    let (alice, bob) = (host.by("alice"), host.by("bob"));
    assert_eq!(add(&alice, 2), Some(json!(2)));
    assert_eq!(add(&bob, 5), Some(json!(5)));
    assert_eq!(add(&alice, 2), Some(json!(4)));
    assert_eq!(call(&alice, "look", ()).data, Some(json!(4)));
    assert_eq!(count(&host, "bob"), Some(5));
    assert_eq!(count(&host, "default"), None);
}

#[test]
fn it_is_stored_as_the_published_sdk_stores_it() {
    let host = Host::new();
    add(&host, 2);
    assert_eq!(stored(&host).unwrap(), r#"{"count":2,"names":[]}"#);
}

#[test]
fn a_denial_saves_and_an_error_does_not() {
    let host = Host::new();
    add(&host, 1);
    assert_eq!(call(&host, "deny", ()).reason.as_deref(), Some("no"));
    assert_eq!(count(&host, "default"), Some(11));
    assert_eq!(call(&host, "fail", ()).reason.as_deref(), Some("failed"));
    let reason = call(&host, "impossible", ()).reason.unwrap();
    assert!(reason.contains("can't be written as JSON"), "{reason}");
    assert_eq!(count(&host, "default"), Some(11));
    let reason = call(&host, "name", 5).reason.unwrap();
    assert!(reason.contains("doesn't fit `String`"), "{reason}");
    assert_eq!(count(&host, "default"), Some(11));
}

#[test]
fn tools_and_commands_change_it_too() {
    let host = Host::new();
    let tool = |number: u64| {
        let arguments = json!({ "number": number });
        host.call_tool(&Counter::default(), "add_by_tool", &arguments)
    };
    assert_eq!(tool(2).content, "2");
    assert!(tool(13).is_error);
    assert_eq!(call(&host, "add_by_command", 3).data, Some(json!(5)));
    host.refuse_write(1, kv::Error::Quota);
    let result = tool(4);
    assert!(result.is_error && result.content.contains("cannot be saved: there is no room"));
    assert_eq!(count(&host, "default"), Some(5));
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let host = Host::new();
    // Any write of these would be a mistake.
    host.refuse_write(1, kv::Error::Quota);
    for action in ["touch", "look", "outside", "nope"] {
        let outcome = call(&host, action, ());
        assert_ne!(outcome.verdict, Kind::Deny, "{action}: {outcome:?}");
    }
    assert_eq!(stored(&host), None);
    assert_eq!(call(&host, "add", 1).verdict, Kind::Deny);
    let spaced = r#" {"names": [], "count": 7, "more": true} "#;
    store(&host, spaced);
    assert_eq!(call(&host, "touch", ()).verdict, Kind::Continue);
    assert_eq!(stored(&host).unwrap(), spaced);
    assert_eq!(add(&host, 1), Some(json!(8)));
}

#[test]
fn what_takes_no_self_reads_nothing() {
    let host = Host::new();
    host.kv_unavailable(true);
    assert_eq!(call(&host, "outside", ()).data, Some(json!("no state")));
    let reason = call(&host, "look", ()).reason.unwrap();
    assert!(reason.starts_with("the state of `Counter` cannot be read: cannot open the store"));
    host.kv_unavailable(false);
    assert_eq!(call(&host, "look", ()).data, Some(json!(0)));
}

#[test]
fn a_conflict_is_told_and_saves_nothing() {
    let host = Host::new();
    add(&host, 1);
    let outcome = call(&host, "meddle", ());
    assert_eq!(outcome.verdict, Kind::Deny);
    let reason = outcome.reason.unwrap();
    assert!(reason.starts_with("StateConflict: another call changed the state of `Counter`"));
    // What changed it meanwhile is there.
    assert_eq!(count(&host, "default"), Some(6));
}

#[test]
fn a_handler_is_run_again_as_often_as_it_says() {
    let host = Host::new();
    let conflicts = |writes: &[usize]| {
        for nth in writes {
            host.refuse_write(*nth, kv::Error::CasMismatch);
        }
        call(&host, "add_again", 1)
    };
    assert_eq!(conflicts(&[1, 2]).data, Some(json!(1)));
    assert_eq!(host.logs().len(), 3);
    let outcome = conflicts(&[1, 2, 3]);
    assert!(outcome.reason.unwrap().starts_with("StateConflict"));
    assert_eq!(host.logs().len(), 6);
    assert_eq!(count(&host, "default"), Some(1));
    // Another error is none to run it again for.
    host.refuse_write(1, kv::Error::Quota);
    assert!(call(&host, "add_again", 1).reason.unwrap().contains("room"));
    assert_eq!(host.logs().len(), 7);
}

#[test]
fn what_cannot_be_read_is_told_and_left_alone() {
    for (text, said) in [
        ("", "EOF while parsing"),
        (
            "null",
            "the state of `Counter` cannot be read: invalid type: null",
        ),
        (r#"{"names":[]}"#, "missing field `count`"),
        (
            r#"{"count":1,"names":["a",5]}"#,
            "the state of `Counter` cannot be read at `names[1]`: invalid type: integer `5`, expected a string",
        ),
    ] {
        let host = Host::new();
        store(&host, text);
        for action in ["add", "look", "touch"] {
            let outcome = call(&host, action, 1);
            assert_eq!(outcome.verdict, Kind::Deny, "{action} {text}");
            let reason = outcome.reason.unwrap();
            assert!(reason.contains(said), "{reason}");
            assert!(reason.contains("`#[astrid::upgrade]`"), "{reason}");
        }
        assert_eq!(stored(&host).unwrap(), text);
    }
}

#[test]
fn a_state_has_1_mib_at_most() {
    let host = Host::new();
    add(&host, 1);
    let half = "x".repeat(600 << 10);
    assert_eq!(call(&host, "name", &half).verdict, Kind::Continue);
    let reason = call(&host, "name", &half).reason.unwrap();
    assert!(
        reason.starts_with("the state of `Counter` has 1228827 bytes, more than 1048576"),
        "{reason}"
    );
    assert_eq!(add(&host, 1), Some(json!(2)));
}

#[test]
fn the_quota_binds_a_state_too() {
    let host = Host::new().kv_quota(100);
    assert_eq!(add(&host, 1), Some(json!(1)));
    let reason = call(&host, "name", "x".repeat(100)).reason.unwrap();
    assert_eq!(
        reason,
        "the state of `Counter` cannot be saved: there is no room for more keys and values of this principal"
    );
    assert_eq!(add(&host, 1), Some(json!(2)));
}

#[test]
fn install_and_upgrade_hooks_change_it() {
    let host = Host::new();
    let capsule = Counter::default();
    assert_eq!(host.by("alice").install(&capsule), Some(Ok(())));
    assert_eq!(host.by("alice").upgrade(&capsule, "1.2.3"), Some(Ok(())));
    let failed = host.by("alice").upgrade(&capsule, "0.0.0");
    assert_eq!(failed, Some(Err("that was no version".into())));
    let expected = Counter {
        count: 1,
        names: vec!["1.2.3".into()],
    };
    assert_eq!(host.state("alice"), Ok(Some(expected)));
    store(&host, "{}");
    let failed = host.upgrade(&capsule, "1.2.3").unwrap().unwrap_err();
    assert!(failed.contains("missing field `count`"), "{failed}");
    assert_eq!(stored(&host).unwrap(), "{}");
}

#[test]
fn a_run_loop_changes_that_of_whom_it_hears() {
    let host = Host::new();
    for (principal, number) in [("alice", 1), ("bob", 20), ("alice", 300)] {
        host.deliver(Incoming::new("counter.v1.add", &number).by(principal));
    }
    // The loop is not ended by a conflict: it is heard again.
    host.refuse_write(2, kv::Error::CasMismatch);
    assert_eq!(host.start(&Counter::default()), Some(Ok(())));
    assert_eq!(count(&host, "alice"), Some(301));
    assert_eq!(count(&host, "bob"), Some(20));
    assert_eq!(count(&host, "default"), None);
}

#[derive(Default, Deserialize, Serialize)]
struct Owned(u8);

#[capsule(state)]
impl Owned {
    #[astrid::run]
    fn run() -> Result<()> {
        state::update(|owned: &mut Owned| owned.0 += 1)?;
        let heard = ipc::subscribe("owned.v1.x")?;
        while let Some(batch) = heard.wait()? {
            let number = batch.messages.len() as u8;
            state::update(|owned: &mut Owned| owned.0 += 10 * number)?;
        }
        Ok(())
    }
}

#[test]
fn a_run_loop_begins_as_its_own_principal() {
    let host = Host::new();
    host.deliver(Incoming::new("owned.v1.x", &()).by("bob"));
    let started = host.by("alice").start(&Owned::default());
    assert_eq!(started, Some(Ok(())));
    let state = |principal| host.state::<Owned>(principal).unwrap().map(|owned| owned.0);
    assert_eq!((state("alice"), state("bob")), (Some(1), Some(10)));
    assert_eq!(state("default"), None);
}

#[test]
fn a_test_may_set_it() {
    let host = Host::new();
    let counter = Counter {
        count: 41,
        ..Counter::default()
    };
    host.set_state("alice", &counter).unwrap();
    assert_eq!(add(&host.by("alice"), 1), Some(json!(42)));
    host.by("alice").run(state::clear::<Counter>).unwrap();
    assert_eq!(count(&host, "alice"), None);
}

#[derive(Default, Deserialize, Serialize)]
struct Named {
    count: u8,
}

#[capsule(state = "tally of names")]
impl Named {
    #[astrid::hook]
    fn count(&mut self) {
        self.count += 1;
    }
}

#[test]
fn another_key_is_another_key() {
    let host = Host::new();
    host.invoke(&Named::default(), "count", &());
    assert_eq!(stored(&host), None);
    let bytes = host.run(|| kv::get("tally of names")).unwrap();
    assert_eq!(bytes.unwrap(), br#"{"count":1}"#);
}

/// Cannot be written or read, and has no state that would have to be.
#[derive(Default)]
struct Stateless {
    calls: std::cell::Cell<u8>,
}

#[capsule]
impl Stateless {
    #[astrid::hook]
    fn look(&self) {
        self.calls.set(self.calls.get() + 1);
    }
}

#[test]
fn a_capsule_without_state_needs_no_store() {
    let host = Host::new();
    host.kv_unavailable(true);
    let capsule = Stateless::default();
    assert_eq!(host.invoke(&capsule, "look", &()).verdict, Kind::Continue);
    assert_eq!(capsule.calls.get(), 1);
}
