//! What is asked of `astrid:ipc` and `astrid:io/poll`. Each function makes one report; the topics are those of the
//! manifest.

use std::time::Duration;

use astrid_sdk::{ipc, poll, prelude::*};
use serde_json::{Value, json};

use crate::{CLOSED, LOOP_REPORT};

/// Long enough for a message that is on its way, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn publish() -> Result<Value> {
    let bob = ipc::Principal::new("bob")?;
    let publish = |topic: &str| outcome(ipc::publish(topic, &1));
    // A string of n letters is n + 2 bytes of JSON.
    let large = |bytes: usize| outcome(ipc::publish("conformance.v1.a", &"x".repeat(bytes - 2)));
    Ok(json!({
        "listed": publish("conformance.v1.a"),
        "not_listed": publish(CLOSED),
        "empty_segment": publish("conformance.v1..a"),
        "upper_case": publish("conformance.v1.A"),
        "star": publish("conformance.v1.*"),
        "deep": publish("conformance.v1.a.b.c.d.e.f.g"),
        "limit": large(ipc::MAX_PAYLOAD),
        "limit_plus_1": large(ipc::MAX_PAYLOAD + 1),
        "no_json": outcome(ipc::publish_json("conformance.v1.a", "{")),
        "key_twice": outcome(ipc::publish_json("conformance.v1.a", r#"{"a":1,"a":1}"#)),
        "claimed": outcome(ipc::publish_as(&bob, "conformance.v1.a", &1)),
    }))
}

pub fn subscribe() -> Value {
    let subscribe = |pattern: &str| outcome(ipc::subscribe(pattern).map(drop));
    let exact = subscribe("conformance.v1.a");
    let mut all = Vec::new();
    let limit_plus_1 = loop {
        match ipc::subscribe("conformance.v1.a") {
            Ok(one) => all.push(one),
            Err(error) => break code(&error),
        }
        if all.len() > ipc::MAX_SUBSCRIPTIONS {
            break "ok";
        }
    };
    let limit = all.len();
    all.pop();
    let one_less = subscribe("conformance.v1.a");
    drop(all);
    json!({
        "exact": exact,
        "star": subscribe("conformance.v1.*"),
        "not_listed": subscribe(CLOSED),
        "star_inside": subscribe("conformance.*.a"),
        "star_in_segment": subscribe("conformance.v1.a*"),
        "empty": subscribe(""),
        "limit": limit,
        "limit_plus_1": limit_plus_1,
        "one_less": one_less,
    })
}

pub fn receive() -> Result<Value> {
    let all = ipc::subscribe("conformance.v1.*")?;
    let other = ipc::subscribe("conformance.v1.other")?;
    ipc::publish("conformance.v1.a", &1)?;
    ipc::publish("conformance.v1.b.c", &2)?;
    let mut messages = Vec::new();
    let mut lost = 0;
    while messages.len() < 2
        && let Some(batch) = all.recv(PATIENCE)?
    {
        lost += batch.dropped;
        messages.extend(batch);
    }
    let mut payloads = Vec::new();
    for message in &messages {
        payloads.push(message.read::<Value>()?);
    }
    let others: Vec<String> = other
        .poll()?
        .into_iter()
        .flatten()
        .map(|message| message.topic)
        .collect();
    let topics: Vec<&str> = messages
        .iter()
        .map(|message| message.topic.as_str())
        .collect();
    let first = messages.first();
    Ok(json!({
        "payloads": payloads,
        "topics": topics,
        "verified": first.and_then(|message| message.principal.verified()),
        "source": first.is_some_and(|message| !message.source_id.is_empty()),
        "lost": lost,
        "others": others,
    }))
}

pub fn timeout() -> Result<Value> {
    let quiet = ipc::subscribe("conformance.v1.quiet")?;
    let came = |batch: Option<ipc::Batch>| batch.map_or("none", |_| "some");
    let start = time::Instant::now();
    let nap = Duration::from_millis(5);
    let unanswered = ipc::request::<_, ()>("conformance.v1.ask", &1, nap);
    let short = came(quiet.recv(nap)?);
    Ok(json!({
        "poll": came(quiet.poll()?),
        "zero": came(quiet.recv(Duration::ZERO)?),
        "short": short,
        "waited": start.elapsed() >= 2 * nap,
        "unanswered": outcome(unanswered),
    }))
}

pub fn poll() -> Result<Value> {
    let (quiet, heard) = (
        ipc::subscribe("conformance.v1.quiet")?,
        ipc::subscribe("conformance.v1.a")?,
    );
    let (silence, sound) = (quiet.readiness(), heard.readiness());
    let before = sound.ready();
    ipc::publish("conformance.v1.a", &1)?;
    let ready = poll::wait_any(&[&silence, &sound])?;
    let block = waited(sound.block());
    let many = |count| waited(poll::wait_any(&vec![&sound; count]).map(drop));
    let (limit, limit_plus_1) = (many(poll::MAX_POLLABLES), many(poll::MAX_POLLABLES + 1));
    heard.poll()?;
    Ok(json!({
        "none": waited(poll::wait_any(&[]).map(drop)),
        "limit": limit,
        "limit_plus_1": limit_plus_1,
        "before": before,
        "ready": ready.iter().collect::<Vec<_>>(),
        "block": block,
        "after": sound.ready(),
    }))
}

pub fn bindings() -> Result<Value> {
    let bindings = ipc::bindings()?;
    let bindings = bindings
        .iter()
        .map(|one| json!({ "action": one.action, "topic": one.topic }));
    Ok(bindings.collect())
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

fn outcome(result: Result<(), ipc::Error>) -> &'static str {
    result.map_or_else(|error| code(&error), |()| "ok")
}

/// An error by the contract's name.
fn code(error: &ipc::Error) -> &'static str {
    match error {
        ipc::Error::CapabilityDenied(_) => "capability-denied",
        ipc::Error::InvalidInput => "invalid-input",
        ipc::Error::Closed => "closed",
        ipc::Error::RateLimited => "rate-limited",
        ipc::Error::Backpressure => "backpressure",
        ipc::Error::Quota => "quota",
        ipc::Error::Timeout => "timeout",
        _ => "unknown",
    }
}

fn waited(result: Result<(), poll::Error>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(poll::Error::InvalidInput) => "invalid-input",
        Err(poll::Error::Closed) => "closed",
        Err(poll::Error::TooLarge) => "too-large",
        Err(poll::Error::Cancelled) => "cancelled",
        Err(_) => "unknown",
    }
}
