//! Calls of a live instance: one after another, on one thread, for one principal.

use std::time::Instant;

use astrid_host::{PrincipalId, Verdict};
use tokio::runtime::Runtime;

use super::subject::{Subject, calls, payload};
use crate::Failure;
use crate::floor::Floor;
use crate::guests::Guests;
use crate::measure::{Series, round_robin};
use crate::report::Line;

const FLOOR: &str = "call_async of a live instance";
const ROUNDS: usize = 2_000;
/// Calls in a turn: enough that reading the clock doesn't count, few enough that a turn fits between two ticks.
const TURN: u32 = 64;

/// `Host::invoke` of a guest that does nothing.
pub(super) fn noop(runtime: &Runtime, guests: &Guests) -> Result<[Line; 2], Failure> {
    let [floor, host] = contest(runtime, guests, "noop", payload(65), ROUNDS)?;
    let small = Line::at_most("invoke, no-op guest, 65 B", 1.5, (FLOOR, &floor), &host);
    let [floor, host] = contest(runtime, guests, "noop", payload(1024), ROUNDS)?;
    let large = Line::at_most("invoke, no-op guest, 1 KiB", 1.5, (FLOOR, &floor), &host);
    Ok([small, large])
}

/// The same of a guest that parses its payload and prints it.
pub(super) fn json(runtime: &Runtime, guests: &Guests) -> Result<Line, Failure> {
    let [floor, host] = contest(runtime, guests, "echo", payload(1024), ROUNDS / 2)?;
    Ok(Line::at_most(
        "invoke, guest parses and prints 1 KiB of JSON",
        1.1,
        (FLOOR, &floor),
        &host,
    ))
}

fn contest(
    runtime: &Runtime,
    guests: &Guests,
    action: &'static str,
    payload: &'static [u8],
    rounds: usize,
) -> Result<[Series; 2], Failure> {
    let subject = runtime.block_on(Subject::install(guests, guests.shipped))?;
    let capsule = runtime.block_on(subject.load())?;
    let floor = Floor::start(guests.shipped)?;
    let component = floor.compile(guests.shipped)?;
    let mut raw = runtime.block_on(floor.instantiate(&component))?;
    let principal = PrincipalId::default_principal();

    let ours = runtime.block_on(
        subject
            .host
            .invoke(&capsule, calls(1, action, payload, &principal)?.remove(0)),
    )?;
    let theirs = runtime.block_on(raw.call(action, payload))?;
    let data = match ours.verdict {
        Verdict::Continue(data) | Verdict::Final(data) | Verdict::Deny(data) => data,
    };
    if data != theirs.data || theirs.action == "deny" {
        return Err(format!("{action}: host and floor disagree about the answer").into());
    }

    round_robin(rounds, |contestant| {
        if contestant == 0 {
            return runtime.block_on(async {
                let began = Instant::now();
                for _ in 0..TURN {
                    raw.call(action, payload).await?;
                }
                Ok((began.elapsed(), TURN))
            });
        }
        let calls = calls(TURN, action, payload, &principal)?;
        runtime.block_on(async {
            let began = Instant::now();
            for call in calls {
                subject.host.invoke(&capsule, call).await?;
            }
            Ok((began.elapsed(), TURN))
        })
    })
}
