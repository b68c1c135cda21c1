//! From a call that traps to the answer of the next one.

use std::time::Instant;

use astrid_e2e::guests::Guest;
use astrid_host::{CallError, PrincipalId};
use tokio::runtime::Runtime;

use super::subject::{Subject, calls};
use crate::Failure;
use crate::floor::{Floor, POOL};
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 60;
/// Principals of a turn, each of whom traps so often: who has more traps within a minute may be refused.
const PRINCIPALS: usize = 16;
const EACH: usize = 4;
const TURN: u32 = (PRINCIPALS * EACH) as u32;
const TRAPS: &str = "misbehave";
const ANSWERS: &str = "behave";
const PAYLOAD: &[u8] = b"null";

/// Against a call that traps, its instance dropped, and a call of a fresh one.
pub(super) fn line(runtime: &Runtime) -> Result<Line, Failure> {
    let subject = runtime.block_on(Subject::start(Guest::Unreachable.package(), POOL))?;
    let principals = subject.principals((ROUNDS + ROUNDS.div_ceil(10)) * PRINCIPALS)?;
    let mut principals = principals.chunks_exact(PRINCIPALS);
    let component = Guest::Unreachable.component();
    let floor = Floor::start(component)?;
    let template = floor.template(&floor.compile(component)?)?;

    let host_turn = async |principals: &[PrincipalId]| {
        // Before the clock runs: a lane for each, and an instance that is there to trap.
        let capsule = subject.load().await?;
        let mut turns = Vec::new();
        for principal in principals {
            let answers = || Ok::<_, Failure>(calls(1, ANSWERS, PAYLOAD, principal)?.remove(0));
            subject.host.invoke(&capsule, answers()?).await?;
            for traps in calls(EACH as u32, TRAPS, PAYLOAD, principal)? {
                turns.push((traps, answers()?));
            }
        }
        let began = Instant::now();
        for (traps, answers) in turns {
            match subject.host.invoke(&capsule, traps).await {
                Err(CallError::Trap { .. }) => {}
                other => return Err(format!("{TRAPS}: {other:?}, which is no trap").into()),
            }
            subject.host.invoke(&capsule, answers).await?;
        }
        let elapsed = began.elapsed();
        subject.host.unload(&capsule);
        Ok::<_, Failure>((elapsed, TURN))
    };
    let floor_turn = async || {
        let mut all = Vec::new();
        for _ in 0..PRINCIPALS {
            let mut live = template.instantiate().await?;
            live.call(ANSWERS, PAYLOAD).await?;
            all.push(live);
        }
        let began = Instant::now();
        for live in &mut all {
            for _ in 0..EACH {
                if live.call(TRAPS, PAYLOAD).await.is_ok() {
                    return Err(format!("{TRAPS} doesn't trap").into());
                }
                *live = template.instantiate().await?;
                live.call(ANSWERS, PAYLOAD).await?;
            }
        }
        Ok::<_, Failure>((began.elapsed(), TURN))
    };

    let [raw, host] = round_robin::<2, Failure>(ROUNDS, |contestant| match contestant {
        0 => runtime.block_on(floor_turn()),
        _ => {
            let principals = principals.next().ok_or("too few principals")?;
            runtime.block_on(host_turn(principals))
        }
    })?;
    Ok(Line::at_most(
        "a trap, and the answer to the next call",
        1.3,
        ("a trap, instantiate_async, drop, call_async", &raw),
        &host,
    ))
}
