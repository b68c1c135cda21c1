//! From a call that traps to the answer of the next one.

use std::time::{Duration, Instant};

use astrid_e2e::guests::Guest;
use astrid_host::{Call, CallError, PrincipalId};
use tokio::runtime::Runtime;

use super::subject::{Subject, calls};
use crate::Failure;
use crate::floor::{Floor, POOL};
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 300;
/// Traps in a turn. Each turn is a principal's own: who has more of them within a minute may be refused.
const TURN: u32 = 4;
const TRAPS: &str = "misbehave";
const ANSWERS: &str = "behave";
const PAYLOAD: &[u8] = b"null";

/// Against a call that traps, its instance dropped, and a call of a fresh one.
pub(super) fn line(runtime: &Runtime) -> Result<Line, Failure> {
    let subject = runtime.block_on(Subject::start(Guest::Unreachable.package(), POOL))?;
    let capsule = runtime.block_on(subject.load())?;
    let mut principals = subject
        .principals(ROUNDS + ROUNDS.div_ceil(10))?
        .into_iter();
    let component = Guest::Unreachable.component();
    let floor = Floor::start(component)?;
    let template = floor.template(&floor.compile(component)?)?;

    let invoke = async |call: Call| subject.host.invoke(&capsule, call).await;
    let host_turn = async |principal: &PrincipalId| {
        let both = calls(1, TRAPS, PAYLOAD, principal)?
            .into_iter()
            .zip(calls(1, ANSWERS, PAYLOAD, principal)?);
        let turns: Vec<_> = both.cycle().take(TURN as usize).collect();
        // Before the clock runs: its lane, and an instance that is there to trap.
        invoke(calls(1, ANSWERS, PAYLOAD, principal)?.remove(0)).await?;
        let began = Instant::now();
        for (traps, answers) in turns {
            match invoke(traps).await {
                Err(CallError::Trap { .. }) => {}
                other => return Err(format!("{TRAPS}: {other:?}, which is no trap").into()),
            }
            invoke(answers).await?;
        }
        Ok::<_, Failure>((began.elapsed(), TURN))
    };
    let floor_turn = async || {
        let mut live = template.instantiate().await?;
        live.call(ANSWERS, PAYLOAD).await?;
        let began = Instant::now();
        for _ in 0..TURN {
            if live.call(TRAPS, PAYLOAD).await.is_ok() {
                return Err(format!("{TRAPS} doesn't trap").into());
            }
            drop(live);
            live = template.instantiate().await?;
            live.call(ANSWERS, PAYLOAD).await?;
        }
        Ok::<_, Failure>((began.elapsed(), TURN))
    };

    let [raw, host] = round_robin::<2, Failure>(ROUNDS, |contestant| {
        let timed: (Duration, u32) = match contestant {
            0 => runtime.block_on(floor_turn())?,
            _ => {
                let principal = principals.next().ok_or("too few principals")?;
                runtime.block_on(host_turn(&principal))?
            }
        };
        Ok(timed)
    })?;
    Ok(Line::at_most(
        "a trap, and the answer to the next call",
        1.3,
        ("a trap, drop, instantiate_async, call_async", &raw),
        &host,
    ))
}
