//! Messages, questions and waiting, on the host in memory: limits, error codes, and that time moves only as far as it must.

use std::time::Duration;

use astrid_sdk::{
    Capsule as _,
    ipc::{self, Attribution, Batch, Denied, Error, Message},
    poll,
    prelude::{capsule, env, log, runtime, time},
    testing::{CAPSULE_ID, Host, Incoming, Kind, MAX_KEPT, PEER_ID, RUN_TIME},
};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn payloads(batch: Option<Batch>) -> Vec<Value> {
    let messages = batch.into_iter().flatten();
    messages.map(|message| message.read().unwrap()).collect()
}

#[test]
fn what_is_published_reaches_those_who_are_subscribed() {
    let host = Host::new().principal("alice");
    host.run(|| {
        let before = ipc::subscribe("a.b").unwrap();
        let other = ipc::subscribe("a.c").unwrap();
        ipc::publish("a.b", &json!({ "n": 1 })).unwrap();
        let after = ipc::subscribe("a.*").unwrap();
        let expected = Message {
            topic: "a.b".into(),
            payload: r#"{"n":1}"#.into(),
            source_id: CAPSULE_ID.into(),
            principal: Attribution::Verified("alice".into()),
        };
        assert_eq!(before.poll().unwrap().unwrap().messages, [expected]);
        assert_eq!(before.poll(), Ok(None));
        assert_eq!(other.poll(), Ok(None));
        assert_eq!(after.poll(), Ok(None));
    });
    assert_eq!(host.published().len(), 1);
}

#[test]
fn a_last_star_is_one_segment_or_more() {
    Host::new().run(|| {
        let pattern = ipc::subscribe("a.*").unwrap();
        let all = ipc::subscribe("*").unwrap();
        for topic in ["a", "a.b", "a.b.c", "ab.c"] {
            ipc::publish(topic, topic).unwrap();
        }
        assert_eq!(payloads(pattern.poll().unwrap()), ["a.b", "a.b.c"]);
        assert_eq!(payloads(all.poll().unwrap()).len(), 4);
    });
}

#[test]
fn what_is_no_topic_pattern_or_payload_is_invalid() {
    Host::new().run(|| {
        let deep = ["a"; ipc::MAX_SEGMENTS + 1].join(".");
        let long = "a".repeat(ipc::MAX_TOPIC + 1);
        for topic in ["", "a..b", "a.", ".a", "A", "a b", "ä", &deep, &long] {
            assert_eq!(ipc::publish(topic, &1), Err(Error::InvalidInput), "{topic}");
            assert_eq!(
                ipc::subscribe(topic).map(drop),
                Err(Error::InvalidInput),
                "{topic}"
            );
        }
        assert_eq!(ipc::publish("a.*", &1), Err(Error::InvalidInput));
        for pattern in ["*.a", "a.*.b", "a*", "a.**"] {
            assert_eq!(
                ipc::subscribe(pattern).map(drop),
                Err(Error::InvalidInput),
                "{pattern}"
            );
        }
        for payload in ["{", r#"{"a":1,"a":2}"#, &"[".repeat(129)] {
            assert_eq!(ipc::publish_json("a", payload), Err(Error::InvalidInput));
        }
        // A string of n letters is n + 2 bytes of JSON.
        assert_eq!(ipc::publish("a", &"x".repeat(ipc::MAX_PAYLOAD - 2)), Ok(()));
        let large = "x".repeat(ipc::MAX_PAYLOAD - 1);
        assert_eq!(ipc::publish("a", &large), Err(Error::InvalidInput));
        let keys = std::collections::BTreeMap::from([(vec![1], 1)]);
        assert!(matches!(ipc::publish("a", &keys), Err(Error::NotJson(_))));
    });
}

#[test]
fn subscriptions_are_limited_and_end_when_dropped() {
    Host::new().run(|| holds(ipc::MAX_HANDLER_SUBSCRIPTIONS));
    assert_eq!(Host::new().start(&Hoarder), Some(Ok(())));
}

/// Checks that there are so many subscriptions at most.
fn holds(most: usize) {
    let mut all: Vec<_> = (0..most).map(|_| ipc::subscribe("a").unwrap()).collect();
    assert_eq!(ipc::subscribe("a").map(drop), Err(Error::Quota));
    all.pop();
    assert!(ipc::subscribe("a").is_ok());
}

/// A run loop that subscribes as often as it may.
#[derive(Default)]
struct Hoarder;

#[capsule]
impl Hoarder {
    #[astrid::run]
    fn run(&self) {
        holds(ipc::MAX_SUBSCRIPTIONS);
    }
}

#[test]
fn a_full_subscription_drops_its_oldest_and_says_so() {
    Host::new().run(|| {
        let full = ipc::subscribe("a").unwrap();
        for n in 0..MAX_KEPT + 3 {
            ipc::publish("a", &n).unwrap();
        }
        let batch = full.poll().unwrap().unwrap();
        assert_eq!((batch.dropped, batch.messages.len()), (3, MAX_KEPT));
        assert_eq!(batch.messages[0].payload, "3");
        ipc::publish("a", &0).unwrap();
        assert_eq!(full.poll().unwrap().unwrap().dropped, 0);
    });
}

#[test]
fn a_batch_never_mixes_principals() {
    let host = Host::new();
    for (n, principal) in ["alice", "alice", "bob", "alice"].iter().enumerate() {
        host.deliver(Incoming::new("a", &n).by(*principal));
    }
    host.deliver(Incoming::new("a", &4).attributed(Attribution::Claimed("alice".into())));
    host.run(|| {
        let all = ipc::subscribe("a").unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = all.poll().unwrap() {
            batches.push(payloads(Some(batch)));
        }
        assert_eq!(json!(batches), json!([[0, 1], [2], [3], [4]]));
    });
}

#[test]
fn publishing_can_fail() {
    let denied = || Error::CapabilityDenied(Denied::Publish("closed".into()));
    let host = Host::new()
        .refuse_publish("slow.*", Error::Backpressure)
        .refuse_publish("closed", denied());
    host.run(|| {
        assert_eq!(ipc::publish("slow.a", &1), Err(Error::Backpressure));
        assert_eq!(ipc::publish("closed", &1), Err(denied()));
        assert_eq!(ipc::publish("open", &1), Ok(()));
    });
    assert_eq!(host.published().len(), 1, "what is refused isn't published");
    host.accept_publish();
    host.run(|| assert_eq!(ipc::publish("slow.a", &1), Ok(())));
}

const MANIFEST: &str = r#"
[package]
name = "demo"

[publish]
"a.*" = {}
"astrid.v1.health.failed" = {}

[subscribe]
"b.*" = "wit"
"b.asked" = { handler = "answer" }

[env]
GREETING = { type = "text", default = "Hello" }
PORTS = { type = "array", default = ["80", "81"] }
NAME = { default = "nobody" }
ASTRID_X = { default = "x" }

[capabilities]
net = ["example.com"]
host_process = []
uplink = false

[capabilities."acme:billing"]
charge = true
currencies = ["EUR"]
markets = []
refund = false
"#;

#[test]
fn the_manifest_says_what_may_be_published_and_subscribed_to() {
    let host = Host::new().manifest(MANIFEST);
    host.run(|| {
        assert_eq!(ipc::publish("a.b.c", &1), Ok(()));
        for topic in ["a", "b.c", "c"] {
            let denied = Error::CapabilityDenied(Denied::Publish(topic.into()));
            assert_eq!(ipc::publish(topic, &1), Err(denied));
        }
        for topic in ["b.c", "b.*", "b.c.*"] {
            assert_eq!(ipc::subscribe(topic).map(drop), Ok(()), "{topic}");
        }
        for topic in ["a.b", "*", "b"] {
            assert_eq!(
                ipc::subscribe(topic).map(drop),
                Err(Error::CapabilityDenied(Denied::Subscribe(topic.into()))),
                "{topic}"
            );
        }
        assert_eq!(ipc::publish("A", &1), Err(Error::InvalidInput));
        // Whatever a manifest lists, this is the host's to say.
        let topic = "astrid.v1.health.failed";
        let denied = Error::CapabilityDenied(Denied::Publish(topic.into()));
        assert_eq!(ipc::publish(topic, &1), Err(denied));
    });
    assert_eq!(host.published().len(), 1);
}

#[test]
fn the_manifest_brings_bindings_capabilities_and_defaults() {
    let host = Host::new().env("NAME", "Ada").manifest(MANIFEST);
    host.run(|| {
        let bindings = ipc::bindings().unwrap();
        let told: Vec<_> = bindings
            .iter()
            .map(|one| (one.action.as_str(), one.topic.as_str()))
            .collect();
        assert_eq!(told, [("answer", "b.asked")]);
        assert_eq!(
            runtime::capabilities(),
            ["acme:billing.charge", "acme:billing.currencies", "net"]
        );
        let value = |key| env::var_opt(key).unwrap();
        assert_eq!(value("GREETING").as_deref(), Some("Hello"));
        assert_eq!(value("PORTS").as_deref(), Some(r#"["80","81"]"#));
        assert_eq!(value("NAME").as_deref(), Some("Ada"));
        assert_eq!(value("ASTRID_X"), None);
    });
}

#[test]
fn a_manifest_that_cannot_be_read_refuses_every_call() {
    for broken in ["[publish", "publish = 5"] {
        let host = Host::new().manifest(broken);
        let outcome = host.invoke(&Doubler, "who", &());
        assert_eq!(outcome.verdict, Kind::Refused);
        assert!(outcome.reason.unwrap().starts_with("Capsule.toml: "));
        assert!(matches!(host.start(&Doubler), Some(Err(_))));
    }
}

#[test]
fn a_denial_names_what_was_denied_and_the_line_to_add() {
    let text =
        |denied: fn(String) -> Denied| Error::CapabilityDenied(denied("a.b".into())).to_string();
    assert_eq!(
        text(Denied::Publish),
        "publishing on `a.b` is denied: add to [publish] in Capsule.toml: \"a.b\" = {}"
    );
    assert_eq!(
        text(Denied::Subscribe),
        "subscribing to `a.b` is denied: add to [subscribe] in Capsule.toml: \"a.b\" = {}"
    );
    let for_others = text(Denied::PublishAs);
    assert!(
        for_others.contains("uplink = true") && for_others.ends_with("\"a.b\" = {}"),
        "{for_others}"
    );
}

#[test]
fn speaking_for_others_needs_a_capability() {
    let zoe = ipc::Principal::new("zoe").unwrap();
    let publish = || ipc::publish_as(&zoe, "a", &1);
    let denied = Error::CapabilityDenied(Denied::PublishAs("a".into()));
    assert_eq!(Host::new().run(publish), Err(denied));
    let host = Host::new().capability("uplink");
    assert_eq!(host.run(publish), Ok(()));
    let principal = &host.published()[0].principal;
    assert_eq!(
        (principal.name(), principal.verified()),
        (Some("zoe"), None)
    );
}

#[test]
fn names_of_principals() {
    for name in ["a", "0", "a-b_c", &"a".repeat(64)] {
        assert_eq!(ipc::Principal::new(name).unwrap().as_str(), name);
    }
    for name in ["", "-a", "_a", "A", "a.b", "a b", "ä", &"a".repeat(65)] {
        assert_eq!(
            name.parse::<ipc::Principal>(),
            Err(Error::InvalidInput),
            "{name}"
        );
    }
}

#[test]
fn a_receive_moves_the_clock_no_further_than_it_must() {
    let host = Host::new();
    host.deliver(Incoming::new("a", &1).after(2 * SECOND));
    host.run(|| {
        let messages = ipc::subscribe("a").unwrap();
        let start = time::Instant::now();
        assert_eq!(messages.recv(SECOND), Ok(None));
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(payloads(messages.recv(10 * SECOND).unwrap()), [1]);
        assert_eq!(start.elapsed(), 2 * SECOND);
        assert_eq!(messages.recv(Duration::ZERO), Ok(None));
        assert_eq!(start.elapsed(), 2 * SECOND);
        assert_eq!(messages.recv(Duration::from_nanos(1)), Ok(None));
        assert_eq!(start.elapsed(), 2 * SECOND + Duration::from_millis(1));
    });
}

#[test]
fn a_receive_may_take_longer_than_the_host_waits_in_one_go() {
    let host = Host::new();
    host.deliver(Incoming::new("a", &1).after(200 * SECOND));
    host.run(|| {
        let messages = ipc::subscribe("a").unwrap();
        let start = time::Instant::now();
        assert_eq!(messages.recv(150 * SECOND), Ok(None));
        assert_eq!(start.elapsed(), 150 * SECOND);
        assert_eq!(payloads(messages.recv(Duration::MAX).unwrap()), [1]);
    });
}

#[test]
fn unloading_ends_what_waits() {
    let host = Host::new();
    host.unload_after(90 * SECOND);
    host.run(|| {
        let messages = ipc::subscribe("a").unwrap();
        let start = time::Instant::now();
        assert_eq!(messages.recv(100 * SECOND), Err(Error::Closed));
        assert_eq!(start.elapsed(), 90 * SECOND);
        assert_eq!(messages.wait(), Ok(None));
        let pollable = messages.readiness();
        assert_eq!(poll::wait_any(&[&pollable]), Err(poll::Error::Cancelled));
        assert_eq!(time::sleep(SECOND), Err(time::Error::Cancelled));
    });
}

#[test]
fn a_sleep_ends_at_the_unloading_that_comes_in_between() {
    let host = Host::new();
    host.unload_after(SECOND);
    host.run(|| {
        let start = time::Instant::now();
        assert_eq!(time::sleep(2 * SECOND), Err(time::Error::Cancelled));
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn a_misfit_names_topic_field_and_type() {
    let message = Message {
        topic: "a.b".into(),
        payload: r#"[1,"x"]"#.into(),
        source_id: String::new(),
        principal: Attribution::System,
    };
    let Err(Error::Misfit(text)) = message.read::<Vec<u8>>() else {
        panic!("it fits")
    };
    assert!(
        text.starts_with("the message on `a.b` doesn't fit at `[1]`: invalid type: string"),
        "{text}"
    );
}

#[test]
fn bindings_are_told() {
    let host = Host::new()
        .binding("check", "user.v1.prompt")
        .binding("log", "a.*");
    let bindings = host.run(ipc::bindings).unwrap();
    let told: Vec<_> = bindings
        .iter()
        .map(|one| (one.handle_id, one.action.as_str(), one.topic.as_str()))
        .collect();
    assert_eq!(told, [(0, "check", "user.v1.prompt"), (1, "log", "a.*")]);
}

// Waiting for several things.

#[test]
fn all_that_are_ready_are_told() {
    Host::new().run(|| {
        let all = ["a", "b", "c"].map(|topic| ipc::subscribe(topic).unwrap());
        let pollables = all.each_ref().map(ipc::Subscription::readiness);
        ipc::publish("c", &1).unwrap();
        ipc::publish("a", &1).unwrap();
        let ready = poll::wait_any(&pollables.each_ref()).unwrap();
        assert_eq!(ready.iter().collect::<Vec<_>>(), [0, 2]);
        assert!(ready.contains(2) && !ready.contains(1) && !ready.contains(3));
        assert!(pollables[0].ready() && !pollables[1].ready());
        all[0].poll().unwrap();
        assert!(
            !pollables[0].ready(),
            "it is ready no longer than there is something"
        );
    });
}

#[test]
fn a_wait_lasts_until_the_first_comes() {
    let host = Host::new();
    host.deliver(Incoming::new("b", &1).after(100 * SECOND));
    host.run(|| {
        let (a, b) = (ipc::subscribe("a").unwrap(), ipc::subscribe("b").unwrap());
        let (a, b) = (a.readiness(), b.readiness());
        let start = time::Instant::now();
        let ready = poll::wait_any(&[&a, &b]).unwrap();
        assert_eq!(ready.iter().collect::<Vec<_>>(), [1]);
        assert_eq!(start.elapsed(), 100 * SECOND);
        assert_eq!(b.block(), Ok(()));
        assert_eq!(
            a.block(),
            Err(poll::Error::Cancelled),
            "nothing will ever come"
        );
    });
}

#[test]
fn none_and_too_many_are_refused() {
    Host::new().run(|| {
        assert_eq!(poll::wait_any(&[]), Err(poll::Error::InvalidInput));
        let one = ipc::subscribe("a").unwrap();
        ipc::publish("a", &1).unwrap();
        let one = one.readiness();
        assert!(poll::wait_any(&vec![&one; poll::MAX_POLLABLES]).is_ok());
        let above = vec![&one; poll::MAX_POLLABLES + 1];
        assert_eq!(poll::wait_any(&above), Err(poll::Error::TooLarge));
    });
}

// Questions.

const DOUBLE: &str = "hook.v1.event.double";

fn doubling() -> Host {
    Host::new().answer(DOUBLE, |n| match n.as_i64() {
        Some(n) => Ok(json!(n * 2)),
        None => Err("no number".into()),
    })
}

#[test]
fn a_question_gets_its_answer() {
    let host = doubling();
    host.run(|| {
        assert_eq!(ipc::request(DOUBLE, &2, SECOND), Ok(4));
        let refused: Result<i64, _> = ipc::request(DOUBLE, "two", SECOND);
        assert_eq!(refused, Err(Error::Refused("no number".into())));
        let misfit: Result<String, _> = ipc::request(DOUBLE, &2, SECOND);
        assert!(matches!(misfit, Err(Error::Misfit(_))));
        let published = host.published();
        let ids: Vec<ipc::Request<Value>> =
            published.iter().map(|one| one.read().unwrap()).collect();
        assert_eq!(ids[0].correlation_id.len(), 32);
        assert_ne!(ids[0].correlation_id, ids[1].correlation_id);
    });
}

#[test]
fn null_is_an_answer_too() {
    let host = Host::new().answer(DOUBLE, |_| Ok(Value::Null));
    host.run(|| {
        assert_eq!(ipc::request(DOUBLE, &2, SECOND), Ok(()));
        assert_eq!(ipc::request(DOUBLE, &2, SECOND), Ok(None::<u8>));
    });
}

#[test]
fn nobody_answers() {
    Host::new().run(|| {
        let start = time::Instant::now();
        let answer: Result<(), _> = ipc::request(DOUBLE, &2, 3 * SECOND);
        assert_eq!((answer, start.elapsed()), (Err(Error::Timeout), 3 * SECOND));
        // The subscription to the answer is gone.
        for _ in 0..ipc::MAX_SUBSCRIPTIONS {
            let again: Result<(), _> = ipc::request(DOUBLE, &2, SECOND);
            assert_eq!(again, Err(Error::Timeout));
        }
    });
}

/// The correlation of the only question that a host of this seed asks.
fn first_correlation() -> String {
    let host = Host::new();
    host.run(|| ipc::request::<_, ()>(DOUBLE, &2, Duration::ZERO))
        .unwrap_err();
    let question: ipc::Request<u8> = host.published()[0].read().unwrap();
    question.correlation_id
}

/// What an answer is taken for that comes after these.
#[track_caller]
fn check_passed_over(forged: &[Incoming]) {
    let id = first_correlation();
    let host = Host::new();
    let topic = format!("hook.v1.response.double.{id}");
    for forged in forged {
        host.deliver(forged.clone());
    }
    let right = Incoming::new(topic, &json!({ "correlation_id": id, "body": 4 })).after(SECOND);
    host.deliver(right);
    let answer: Result<u8, _> = host.run(|| ipc::request_to(PEER_ID, DOUBLE, &2, 5 * SECOND));
    assert_eq!(answer, Ok(4));
}

#[test]
fn only_the_one_who_was_asked_can_answer() {
    let id = first_correlation();
    let topic = format!("hook.v1.response.double.{id}");
    let answer = json!({ "correlation_id": id, "body": 5 });
    let forged = |payload: &Value| Incoming::new(&topic, payload);
    check_passed_over(&[forged(&answer).by("mallory")]);
    check_passed_over(&[forged(&answer).attributed(Attribution::Claimed("default".into()))]);
    check_passed_over(&[forged(&answer).from("00000000-0000-4000-8000-00000000dead")]);
    check_passed_over(&[forged(&json!({ "correlation_id": "x", "body": 5 }))]);
    check_passed_over(&[forged(&json!(5)), forged(&json!({ "body": 5 }))]);
}

#[test]
fn the_host_itself_may_answer() {
    let id = first_correlation();
    let host = Host::new();
    host.deliver(
        Incoming::new(
            format!("hook.v1.response.double.{id}"),
            &json!({ "correlation_id": id, "body": 4 }),
        )
        .attributed(Attribution::System),
    );
    assert_eq!(host.run(|| ipc::request(DOUBLE, &2, SECOND)), Ok(4));
}

#[test]
fn however_long_a_refusal_is_it_is_sent() {
    let host = Host::new();
    let request = ipc::Request {
        correlation_id: "c1".into(),
        body: (),
    };
    let refused = host.run(|| ipc::refuse(DOUBLE, &request, "x".repeat(ipc::MAX_PAYLOAD)));
    assert_eq!(refused, Ok(()));
    let answer: Value = host.published()[0].read().unwrap();
    let reason = answer["error"].as_str().unwrap();
    assert!(reason.len() <= astrid_sdk::MAX_REASON && reason.ends_with("(1048576 bytes, cut)"));
}

#[test]
fn a_question_that_cannot_be_published_fails_at_once() {
    let host = doubling().refuse_publish(DOUBLE, Error::Backpressure);
    let answer: Result<u8, _> = host.run(|| ipc::request(DOUBLE, &2, SECOND));
    assert_eq!(answer, Err(Error::Backpressure));
}

#[test]
fn an_answers_topic_follows_from_the_questions() {
    let topic = |topic| ipc::response_topic(topic, "c1");
    assert_eq!(topic(DOUBLE).as_deref(), Ok("hook.v1.response.double.c1"));
    assert_eq!(
        topic("astrid.v1.elicit").as_deref(),
        Ok("astrid.v1.elicit.response.c1")
    );
    for wrong in ["", "a.b", "a*", "A", &"a".repeat(65)] {
        let request = ipc::Request {
            correlation_id: wrong.into(),
            body: (),
        };
        assert_eq!(
            ipc::respond(DOUBLE, &request, &1),
            Err(Error::InvalidInput),
            "{wrong}"
        );
    }
}

// Run loops.

#[derive(Default)]
struct Doubler;

#[capsule]
impl Doubler {
    #[astrid::run]
    fn run(&self) -> astrid_sdk::Result<()> {
        log::info!("{:?}", runtime::caller()?.principal);
        let questions = ipc::subscribe(DOUBLE)?;
        runtime::ready();
        while let Some(batch) = questions.wait()? {
            for message in batch {
                log::info!("{:?}", runtime::caller()?.principal);
                match message.read::<ipc::Request<i64>>() {
                    Ok(question) => ipc::respond(&message.topic, &question, &(question.body * 2))?,
                    Err(error) => {
                        let question: ipc::Request<Value> = message.read()?;
                        ipc::refuse(&message.topic, &question, error)?;
                    }
                }
            }
        }
        Ok(())
    }

    #[astrid::hook]
    fn who(&self) -> astrid_sdk::Result<()> {
        let heard = ipc::subscribe("a")?;
        heard.poll()?;
        log::info!("{:?}", runtime::caller()?.principal);
        Ok(())
    }
}

#[test]
fn a_run_loop_runs_for_whom_it_heard_last() {
    let host = Host::new().principal("owner");
    let ask = |id: &str, body: Value| {
        Incoming::new(DOUBLE, &json!({ "correlation_id": id, "body": body }))
    };
    host.deliver(ask("c1", json!(1)).by("alice"));
    host.deliver(ask("c2", json!("x")).by("bob").after(SECOND));
    let start = host.run(time::Instant::now);
    assert_eq!(host.start(&Doubler), Some(Ok(())));
    assert!(host.is_ready());
    assert_eq!(host.run(|| start.elapsed()), RUN_TIME);

    let published = host.published();
    let told: Vec<_> = published
        .iter()
        .map(|one| {
            (
                one.topic.as_str(),
                one.principal.name().unwrap(),
                one.payload.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told[0],
        (
            "hook.v1.response.double.c1",
            "alice",
            r#"{"correlation_id":"c1","body":2}"#
        )
    );
    assert_eq!(
        (told[1].0, told[1].1),
        ("hook.v1.response.double.c2", "bob")
    );
    assert!(told[1].2.contains("doesn't fit at `body`"), "{}", told[1].2);

    let logs: Vec<_> = host.logs().into_iter().map(|line| line.message).collect();
    assert_eq!(logs, ["None", "Some(\"alice\")", "Some(\"bob\")"]);
    // A handler stays with its caller, whatever it hears.
    host.deliver(Incoming::new("a", &1).by("alice"));
    let outcome = host.invoke(&Doubler, "who", &());
    assert_eq!(outcome.logs[0].message, "Some(\"owner\")");
    assert!(Doubler::EXPORTS.contains("\"run\""));
}
