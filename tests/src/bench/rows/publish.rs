//! Events: from `Host::dispatch` to the outcome, one after another, for one principal.

use std::time::Instant;

use astrid_e2e::guests::Guest;
use astrid_host::dispatch::{Conclusion, Event};
use astrid_host::{Host, PrincipalId};
use tokio::runtime::Runtime;

use super::crowd::{self, Crowd};
use super::subject::payload;
use crate::Failure;
use crate::floor::Floor;
use crate::guests::Guests;
use crate::measure::{Series, round_robin};
use crate::report::Line;

const FLOOR: &str = "call_async of a live instance";
const ROUNDS: usize = 2_000;
/// Events in a turn: few enough that a turn fits between two ticks.
const TURN: u32 = 32;
/// Patterns that are loaded, those of the capsule that is asked among them.
const PATTERNS: usize = 1_000;
/// The longest chain.
const CHAIN: usize = 10;
const NOOP: &str = "asked.v1.noop";
const ECHO: &str = "asked.v1.echo";
const ONE: &str = "chain.v1.one";
const TEN: &str = "chain.v1.ten";

/// An event with one handler, among many patterns.
pub(super) fn lines(runtime: &Runtime, guests: &Guests) -> Result<[Line; 2], Failure> {
    let host = runtime.block_on(async {
        let host = crowd::host().await?;
        let crowd = Crowd::of(Guest::Noop);
        let asked = format!(
            "[subscribe]\n\"{NOOP}\" = {{ handler = \"noop\" }}\n\"{ECHO}\" = {{ handler = \"echo\" }}\n"
        );
        crowd.load(&host, "asked", &asked).await?;
        crowd.load_handlers(&host, "noop", PATTERNS - 2).await?;
        Ok::<_, Failure>(host)
    })?;
    let [floor, ours] = contest(runtime, guests, &host, ("noop", NOOP), ROUNDS)?;
    let noop = Line::at_most(
        "dispatch among 1,000 patterns, no-op guest, 1 KiB",
        8.0,
        (FLOOR, &floor),
        &ours,
    );
    let [floor, ours] = contest(runtime, guests, &host, ("echo", ECHO), ROUNDS / 2)?;
    let echo = Line::at_most(
        "the same, guest parses and prints the JSON",
        1.4,
        (FLOOR, &floor),
        &ours,
    );
    Ok([noop, echo])
}

/// An event with ten handlers, each of another capsule, against an event with one.
pub(super) fn chain(runtime: &Runtime) -> Result<Line, Failure> {
    let host = runtime.block_on(async {
        let host = crowd::host().await?;
        let crowd = Crowd::of(Guest::Noop);
        for number in 0..CHAIN {
            let mut rest = format!("[subscribe]\n\"{TEN}\" = {{ handler = \"noop\" }}\n");
            if number == 0 {
                rest += &format!("\"{ONE}\" = {{ handler = \"noop\" }}\n");
            }
            crowd.load(&host, &format!("link-{number}"), &rest).await?;
        }
        Ok::<_, Failure>(host)
    })?;
    for (topic, handlers) in [(ONE, 1), (TEN, CHAIN)] {
        let event = events(1, topic, payload(1024))?.remove(0);
        let outcome = runtime.block_on(host.dispatch(event))?;
        if outcome.steps.len() != handlers || outcome.verdict != Conclusion::Continue {
            return Err(format!("{topic} has another chain: {outcome:?}").into());
        }
    }
    let [one, ten] = round_robin(ROUNDS, |contestant| {
        let topic = if contestant == 0 { ONE } else { TEN };
        turn(runtime, &host, topic, payload(1024))
    })?;
    Ok(Line::at_most(
        "dispatch to a chain of 10 handlers",
        11.0,
        ("to a chain of 1", &one),
        &ten,
    ))
}

fn contest(
    runtime: &Runtime,
    guests: &Guests,
    host: &Host,
    (action, topic): (&'static str, &str),
    rounds: usize,
) -> Result<[Series; 2], Failure> {
    let payload = payload(1024);
    let floor = Floor::start(guests.shipped)?;
    let mut raw = runtime.block_on(floor.instantiate(&floor.compile(guests.shipped)?))?;
    let theirs = runtime.block_on(raw.call(action, payload))?;
    let ours = runtime.block_on(host.dispatch(events(1, topic, payload)?.remove(0)))?;
    if ours.answer != theirs.data || ours.steps.len() != 1 || theirs.action == "deny" {
        return Err(format!("{topic}: host and floor disagree: {ours:?}").into());
    }
    round_robin(rounds, |contestant| {
        if contestant > 0 {
            return turn(runtime, host, topic, payload);
        }
        runtime.block_on(async {
            let began = Instant::now();
            for _ in 0..TURN {
                raw.call(action, payload).await?;
            }
            Ok((began.elapsed(), TURN))
        })
    })
}

/// Dispatches events from a task, as a server does: who waits for an event outside of the runtime's threads also waits
/// for two threads to wake each other.
fn turn(
    runtime: &Runtime,
    host: &Host,
    topic: &str,
    payload: &'static [u8],
) -> Result<(std::time::Duration, u32), Failure> {
    let events = events(TURN, topic, payload)?;
    let host = host.clone();
    runtime.block_on(runtime.spawn(async move {
        let began = Instant::now();
        for event in events {
            host.dispatch(event).await?;
        }
        Ok((began.elapsed(), TURN))
    }))?
}

/// So many equal events, made beforehand: making one (which checks that the payload is JSON) isn't dispatching.
pub(super) fn events(
    count: u32,
    topic: &str,
    payload: &'static [u8],
) -> Result<Vec<Event>, Failure> {
    let draft = Event::raw(topic, payload)?;
    let principal = PrincipalId::default_principal();
    Ok((0..count).map(|_| draft.clone().by(&principal)).collect())
}
