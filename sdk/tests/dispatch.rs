//! From an action and a payload to an answer, by way of what `#[capsule]` generates.

use astrid_sdk::{
    Answer, Capsule, MAX_REASON,
    prelude::*,
    testing::{Host, Kind, MAX_ACTION, MAX_LINE, MAX_PAYLOAD, Outcome},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize, Serialize)]
struct Prompt {
    text: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize, Serialize)]
struct Tag {
    id: u32,
}

#[derive(Default)]
struct All;

#[capsule]
impl All {
    #[astrid::hook("unit")]
    fn answers_nothing(&self) {}

    #[astrid::hook("rewrite", topic = "user.v1.*", priority = 20, on_error = "deny")]
    fn rewrite(&self, mut prompt: Prompt) -> Verdict<Prompt> {
        prompt.text.make_ascii_uppercase();
        Verdict::Rewrite(prompt)
    }

    #[astrid::hook]
    fn r#final(payload: Value) -> Result<Verdict<(), Value>, String> {
        Ok(Verdict::Final(payload))
    }

    #[astrid::interceptor(topic = "user.v1.seen", mode = "observe")]
    fn deny(&self) -> Result<Verdict> {
        Ok(Verdict::Deny("no".into()))
    }

    #[astrid::hook]
    fn fail(&self) -> Result<()> {
        let port: u16 = "x".parse()?;
        log::info!("{port}");
        Ok(())
    }

    #[astrid::hook]
    fn large(&self, length: usize) -> Verdict<String> {
        Verdict::Rewrite("x".repeat(length))
    }

    #[astrid::hook]
    fn long_deny(&self, length: usize) -> Verdict {
        Verdict::Deny("é".repeat(length))
    }

    #[astrid::hook]
    fn long_error(&self, length: usize) -> Result<()> {
        log::error("é".repeat(length));
        Err(Error::msg("é".repeat(length)))
    }

    #[astrid::hook]
    fn unprintable(&self) -> Verdict<(), std::collections::BTreeMap<Vec<u8>, u8>> {
        Verdict::Final([(vec![1], 1)].into())
    }

    #[astrid::run]
    fn run(&self) -> Result<()> {
        runtime::signal_ready();
        Err("the queue is gone".into())
    }

    #[astrid::install]
    fn install() {
        log::info!("installed");
    }

    #[astrid::upgrade]
    fn upgrade(&self, previous: &str) -> Result<(), String> {
        log::info!("from {previous}");
        Ok(())
    }
}

/// The functions are called what the generated code calls its own things.
#[capsule]
mod functions {
    use super::*;

    #[astrid::hook]
    fn payload(payload: String) -> Verdict<String> {
        Verdict::Rewrite(payload)
    }

    #[astrid::hook]
    fn dispatch() {}

    #[astrid::upgrade]
    fn upgrade() {
        action();
    }

    fn action() {
        log::info("upgraded");
    }
}

fn invoke(action: &str, payload: Value) -> Outcome {
    Host::new().invoke(&All, action, &payload)
}

fn check(action: &str, payload: Value, verdict: Kind, data: Option<Value>) {
    let outcome = invoke(action, payload);
    assert_eq!(
        (outcome.verdict, outcome.data),
        (verdict, data),
        "{:?}",
        outcome.reason
    );
}

fn check_denied(action: &str, payload: Value, reason: &str) {
    let outcome = invoke(action, payload);
    assert_eq!(outcome.verdict, Kind::Deny);
    assert_eq!(outcome.reason.as_deref(), Some(reason));
}

#[test]
fn nothing_is_continue() {
    check("unit", json!("any"), Kind::Continue, None);
}

#[test]
fn a_hook_without_payload_takes_what_is_no_json() {
    assert_eq!(All.dispatch("unit", b"\xff{"), Answer::Continue(None));
}

#[test]
fn rewrite_is_continue_with_data() {
    let rewritten = json!({ "text": "HI", "tags": [] });
    check(
        "rewrite",
        json!({ "text": "hi" }),
        Kind::Continue,
        Some(rewritten),
    );
}

#[test]
fn final_answers() {
    check(
        "final",
        json!([1, null]),
        Kind::Final,
        Some(json!([1, null])),
    );
}

#[test]
fn deny_gives_its_reason() {
    check_denied("deny", json!(null), "no");
}

#[test]
fn an_error_is_a_deny_with_its_text() {
    check_denied("fail", json!(null), "invalid digit found in string");
}

#[test]
fn an_action_that_is_not_there_is_refused_and_no_deny() {
    let host = Host::new();
    let outcome = host.invoke(&functions::Capsule, "dispatsch", &());
    assert_eq!(outcome.verdict, Kind::Refused);
    assert_eq!(
        outcome.reason.as_deref(),
        Some("the capsule has no handler `dispatsch`: it has `payload`, `dispatch`")
    );
    assert_eq!(invoke("", json!(null)).verdict, Kind::Refused);
    // A host that doesn't read the list of handlers is told by the capsule.
    let told = Answer::Deny("unknown hook action: nothing".into());
    assert_eq!(All.dispatch("nothing", b"null"), told);
}

#[test]
fn a_misfit_names_field_and_type() {
    let payload = json!({ "text": "hi", "tags": [{ "id": 1 }, { "id": "two" }] });
    let reason = invoke("rewrite", payload).reason.unwrap();
    assert!(
        reason
            .starts_with("the payload doesn't fit `Prompt` at `tags[1].id`: invalid type: string"),
        "{reason}"
    );

    let reason = invoke("rewrite", json!({})).reason.unwrap();
    assert!(
        reason.starts_with("the payload doesn't fit `Prompt`: missing field `text`"),
        "{reason}"
    );
}

#[test]
fn broken_and_surplus_json_are_misfits() {
    for payload in [&b"{"[..], b"{\"text\":\"a\"} x", b"", b"\xff"] {
        let Answer::Deny(reason) = All.dispatch("rewrite", payload) else {
            panic!("it fits")
        };
        assert!(
            reason.starts_with("the payload doesn't fit `Prompt`: "),
            "{reason}"
        );
        let outcome = Host::new().invoke_bytes(&All, "rewrite", payload);
        assert_eq!(outcome.verdict, Kind::Refused, "a host stops it before");
    }
}

#[test]
fn a_key_twice_is_refused() {
    let twice = br#"{"text":"a","tags":[],"text":"b"}"#;
    let outcome = Host::new().invoke_bytes(&All, "final", twice);
    assert_eq!(outcome.verdict, Kind::Refused);
    let reason = outcome.reason.unwrap();
    assert!(reason.contains(r#"the key "text" twice"#), "{reason}");
}

#[test]
fn however_long_a_misfit_is_it_is_a_deny_with_both_ends() {
    // Each is written with eight letters where it is quoted.
    let payload = json!({ "text": "a", "tags": "\u{200b}".repeat(340_000) });
    let outcome = invoke("rewrite", payload);
    assert_eq!(outcome.verdict, Kind::Deny);
    let reason = outcome.reason.unwrap();
    assert!(reason.len() < 2_000, "{} bytes", reason.len());
    let (begin, end) = reason.split_once(" bytes, cut) … ").unwrap();
    assert!(
        begin.starts_with("the payload doesn't fit `Prompt` at `tags`: invalid type: string"),
        "{begin}"
    );
    assert!(end.contains("expected a sequence at line 1"), "{end}");

    let long_key = json!({ "k".repeat(900_000): 5 });
    let reason = Host::new()
        .invoke(&Keyed, "keyed", &long_key)
        .reason
        .unwrap();
    assert!(reason.len() < 2_000 && reason.contains("bytes, cut"));
}

#[derive(Default)]
struct Keyed;

#[capsule]
impl Keyed {
    #[astrid::hook]
    fn keyed(&self, numbers: std::collections::BTreeMap<String, String>) {
        drop(numbers);
    }
}

#[test]
fn however_long_a_reason_is_it_is_a_deny_that_is_cut_and_says_so() {
    for action in ["long_deny", "long_error"] {
        let whole = invoke(action, json!(MAX_REASON / 2)).reason.unwrap();
        assert_eq!(whole, "é".repeat(MAX_REASON / 2));
        let outcome = invoke(action, json!(1_000_000));
        assert_eq!(outcome.verdict, Kind::Deny, "{action}");
        let reason = outcome.reason.unwrap();
        assert!(reason.len() <= MAX_REASON && reason.len() > MAX_REASON - 50);
        assert!(reason.ends_with("é … (2000000 bytes, cut)"), "{action}");
    }
    let line = &invoke("long_error", json!(20_000)).logs[0].message;
    assert!(line.len() <= MAX_LINE && line.ends_with(" … (40000 bytes, cut)"));
}

#[test]
fn nesting_without_end_is_a_misfit() {
    let deep = "[".repeat(100_000);
    let Answer::Deny(reason) = All.dispatch("final", deep.as_bytes()) else {
        panic!("it fits")
    };
    assert!(reason.contains("recursion limit"), "{reason}");
}

#[test]
fn an_answer_that_json_cannot_hold_is_a_deny() {
    let reason = invoke("unprintable", json!(null)).reason.unwrap();
    assert!(
        reason.starts_with("the answer can't be written as JSON: "),
        "{reason}"
    );
}

#[test]
fn what_the_host_would_not_carry_is_refused() {
    // A string of n letters is n + 2 bytes of JSON.
    check(
        "large",
        json!(MAX_PAYLOAD - 2),
        Kind::Continue,
        Some(json!("x".repeat(MAX_PAYLOAD - 2))),
    );
    check("large", json!(MAX_PAYLOAD - 1), Kind::Refused, None);
    check("final", json!("x".repeat(MAX_PAYLOAD)), Kind::Refused, None);
    let reason = invoke(&"a".repeat(MAX_ACTION + 1), json!(null)).reason;
    assert!(reason.unwrap().contains("1 to 256 bytes"));
}

#[test]
fn the_other_entry_points() {
    let host = Host::new();
    assert_eq!(host.start(&All), Some(Err("the queue is gone".into())));
    assert!(host.is_ready());
    assert_eq!(host.install(&All), Some(Ok(())));
    assert_eq!(host.upgrade(&All, "0.9.0"), Some(Ok(())));
    let logs: Vec<_> = host.logs().into_iter().map(|line| line.message).collect();
    assert_eq!(logs, ["installed", "from 0.9.0"]);
}

#[test]
fn an_entry_point_that_is_not_there() {
    let host = Host::new();
    assert_eq!(host.start(&functions::Capsule), None);
    assert_eq!(host.install(&functions::Capsule), None);
}

#[test]
fn an_error_of_a_run_loop_is_placed_at_its_function() {
    let exit = Host::new().run(|| Capsule::start(&All)).unwrap();
    assert!(exit.location.file().ends_with("dispatch.rs"));
    assert_eq!(exit.location.line(), line_of("fn run(&self)"));
}

fn line_of(text: &str) -> u32 {
    let index = include_str!("dispatch.rs")
        .lines()
        .position(|line| line.contains(text));
    index.unwrap() as u32 + 1
}

#[test]
fn an_upgrade_without_a_previous_version_fails() {
    let exit = Host::new().run(|| Capsule::upgrade(&All)).unwrap();
    assert!(exit.ending.unwrap_err().contains("prev_version"));
}

#[test]
fn a_module_is_a_capsule_too() {
    let host = Host::new();
    let outcome = host.invoke(&functions::Capsule, "payload", &"text");
    assert_eq!(outcome.data, Some(json!("text")));
    assert_eq!(
        host.invoke(&functions::Capsule, "dispatch", &()).verdict,
        Kind::Continue
    );
    assert_eq!(host.upgrade(&functions::Capsule, "1.0.0"), Some(Ok(())));
}

#[test]
fn the_exports_are_stated() {
    let exports: Value = serde_json::from_str(All::EXPORTS).unwrap();
    assert_eq!(exports["v"], 1);
    assert_eq!(exports["sdk"], astrid_sdk::VERSION);
    assert_eq!(
        exports["exports"],
        json!([
            "astrid-hook-trigger",
            "run",
            "astrid-install",
            "astrid-upgrade"
        ])
    );
    assert_eq!(
        exports["handlers"][0],
        json!({ "action": "unit", "topic": null, "priority": null, "on_error": null, "mode": null })
    );
    assert_eq!(
        exports["handlers"][1],
        json!({ "action": "rewrite", "topic": "user.v1.*", "priority": 20, "on_error": "deny", "mode": null })
    );
    assert_eq!(exports["handlers"][2]["action"], "final");
    assert_eq!(exports["handlers"][3]["mode"], "observe");

    let exports: Value = serde_json::from_str(functions::Capsule::EXPORTS).unwrap();
    assert_eq!(
        exports["exports"],
        json!(["astrid-hook-trigger", "astrid-upgrade"])
    );
}
