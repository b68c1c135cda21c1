//! What is asked of `astrid:ipc`. The topics are those of the manifest.

use std::time::Duration;

use astrid_sdk::{
    ipc::{self, Batch, Error, MAX_PAYLOAD, Principal},
    prelude::*,
};
use serde_json::{Value, json};

use crate::{CLOSED, Case, LOOP_REPORT, case};

/// A topic that may be published and subscribed to.
const OPEN: &str = "conformance.v1.a";

/// Long enough for a message that is on its way, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);

/// So short that nothing comes meanwhile.
const NAP: Duration = Duration::from_millis(5);

pub const CASES: &[Case] = &[
    case("publishing on a listed topic", || publish(OPEN), "ok"),
    case(
        "publishing on a topic that is not listed",
        || publish(CLOSED),
        "capability-denied",
    ),
    case(
        "publishing on an empty segment",
        || publish("conformance.v1..a"),
        "invalid-input",
    ),
    case(
        "publishing on upper case",
        || publish("conformance.v1.A"),
        "invalid-input",
    ),
    case(
        "publishing on a star",
        || publish("conformance.v1.*"),
        "invalid-input",
    ),
    case(
        "publishing on 9 segments",
        || publish("conformance.v1.a.b.c.d.e.f.g"),
        "invalid-input",
    ),
    case(
        "publishing as much as may be",
        || publish_bytes(MAX_PAYLOAD),
        "ok",
    ),
    case(
        "publishing more",
        || publish_bytes(MAX_PAYLOAD + 1),
        "invalid-input",
    ),
    case(
        "publishing what is no JSON",
        || publish_json("{"),
        "invalid-input",
    ),
    case(
        "publishing a key twice",
        || publish_json(r#"{"a":1,"a":1}"#),
        "invalid-input",
    ),
    case(
        "publishing for another principal",
        claim,
        "capability-denied",
    ),
    case("subscribing to a topic", || subscribe(OPEN), "ok"),
    case(
        "subscribing to a pattern",
        || subscribe("conformance.v1.*"),
        "ok",
    ),
    case(
        "subscribing to what is not listed",
        || subscribe(CLOSED),
        "capability-denied",
    ),
    case(
        "subscribing to a star inside",
        || subscribe("conformance.*.a"),
        "invalid-input",
    ),
    case(
        "subscribing to half a segment",
        || subscribe("conformance.v1.a*"),
        "invalid-input",
    ),
    case("subscribing to nothing", || subscribe(""), "invalid-input"),
    case("subscribing once too often", limit, "quota above 16"),
    case("subscribing when another one ended", one_less, "ok"),
    case(
        "receiving what was published",
        receive,
        r#"conformance.v1.a = 1, conformance.v1.b.c = 2, lost 0"#,
    ),
    case("whom a message is of", whose, "alice, from a capsule"),
    case("receiving on another topic", other, "none"),
    case(
        "receiving what is there, and nothing is",
        || Ok(came(quiet()?.poll())),
        "none",
    ),
    case(
        "receiving for no time",
        || Ok(came(quiet()?.recv(Duration::ZERO))),
        "none",
    ),
    case(
        "receiving for 5 ms",
        || Ok(came(quiet()?.recv(NAP))),
        "none",
    ),
    case(
        "the time of a receive on the monotonic clock",
        waited,
        "counts",
    ),
    case("a question that nobody answers", unanswered, "timeout"),
    case(
        "the capsule's own bindings",
        bindings,
        "ask = conformance.v1.bound",
    ),
];

fn publish(topic: &str) -> Result<String> {
    Ok(told(ipc::publish(topic, &1)))
}

/// A string of n letters is n + 2 bytes of JSON.
fn publish_bytes(bytes: usize) -> Result<String> {
    Ok(told(ipc::publish(OPEN, &"x".repeat(bytes - 2))))
}

fn publish_json(payload: &str) -> Result<String> {
    Ok(told(ipc::publish_json(OPEN, payload)))
}

fn claim() -> Result<String> {
    Ok(told(ipc::publish_as(&Principal::new("bob")?, OPEN, &1)))
}

fn subscribe(pattern: &str) -> Result<String> {
    Ok(told(ipc::subscribe(pattern)))
}

/// As many subscriptions as may be, and why there can't be one more.
fn all() -> (Vec<ipc::Subscription>, Error) {
    let mut all = Vec::new();
    loop {
        match ipc::subscribe(OPEN) {
            Ok(one) => all.push(one),
            Err(error) => break (all, error),
        }
    }
}

fn limit() -> Result<String> {
    let (all, error) = all();
    Ok(format!("{} above {}", code(&error), all.len()))
}

fn one_less() -> Result<String> {
    let (mut all, _) = all();
    all.pop();
    Ok(told(ipc::subscribe(OPEN)))
}

/// Two messages, and how many were lost.
fn two() -> Result<(Vec<ipc::Message>, u64)> {
    let all = ipc::subscribe("conformance.v1.*")?;
    ipc::publish(OPEN, &1)?;
    ipc::publish("conformance.v1.b.c", &2)?;
    let (mut messages, mut lost) = (Vec::new(), 0);
    while messages.len() < 2
        && let Some(batch) = all.recv(PATIENCE)?
    {
        lost += batch.dropped;
        messages.extend(batch);
    }
    Ok((messages, lost))
}

fn receive() -> Result<String> {
    let (messages, lost) = two()?;
    let mut told = String::new();
    for message in messages {
        told += &format!("{} = {}, ", message.topic, message.read::<Value>()?);
    }
    Ok(format!("{told}lost {lost}"))
}

fn whose() -> Result<String> {
    let (messages, _) = two()?;
    let first = messages.first().ok_or("no message")?;
    let whose = first.principal.verified().unwrap_or("nobody");
    let from = if first.source_id.is_empty() {
        "nowhere"
    } else {
        "a capsule"
    };
    Ok(format!("{whose}, from {from}"))
}

fn other() -> Result<String> {
    let other = ipc::subscribe("conformance.v1.other")?;
    two()?;
    Ok(came(other.poll()))
}

fn quiet() -> Result<ipc::Subscription> {
    Ok(ipc::subscribe("conformance.v1.quiet")?)
}

fn came(received: Result<Option<Batch>, Error>) -> String {
    match received {
        Ok(Some(_)) => "some".into(),
        Ok(None) => "none".into(),
        Err(error) => code(&error).into(),
    }
}

fn waited() -> Result<String> {
    let start = time::Instant::now();
    quiet()?.recv(NAP)?;
    let counts = start.elapsed() >= NAP;
    Ok(if counts { "counts" } else { "does not count" }.into())
}

fn unanswered() -> Result<String> {
    Ok(told(ipc::request::<_, ()>("conformance.v1.ask", &1, NAP)))
}

fn bindings() -> Result<String> {
    let bindings = ipc::bindings()?;
    let bindings = bindings
        .iter()
        .map(|one| format!("{} = {}", one.action, one.topic));
    Ok(bindings.collect::<Vec<_>>().join(", "))
}

pub fn run_loop() -> Result<()> {
    let before = caller()?;
    let own = ipc::subscribe("conformance.v1.loop")?;
    ipc::publish("conformance.v1.loop", &1)?;
    own.recv(PATIENCE)?;
    let heard = caller()?;
    own.poll()?;
    let empty = caller()?;
    // A handler that subscribes as often as it may does so later.
    drop(own);
    let report = json!({ "before": before, "heard": heard, "empty": empty });
    Ok(ipc::publish(LOOP_REPORT, &report)?)
}

/// What there is of the caller.
fn caller() -> Result<Value> {
    let caller = runtime::caller()?;
    Ok(json!({
        "principal": caller.principal.is_some(),
        "source": !caller.source_id.is_empty(),
        "timestamp": !caller.timestamp.is_empty(),
    }))
}

fn told<T>(result: Result<T, Error>) -> String {
    result.map_or_else(|error| code(&error), |_| "ok").into()
}

/// An error by the contract's name.
fn code(error: &Error) -> &'static str {
    match error {
        Error::CapabilityDenied(_) => "capability-denied",
        Error::InvalidInput => "invalid-input",
        Error::Closed => "closed",
        Error::RateLimited => "rate-limited",
        Error::Backpressure => "backpressure",
        Error::Quota => "quota",
        Error::Timeout => "timeout",
        _ => "unknown",
    }
}
