//! What a host takes of a core while nobody asks it anything.

use std::time::{Duration, Instant};

use astrid_e2e::guests::Guest;
use astrid_host::capsule::Readiness;
use tokio::runtime::Builder;

use super::crowd::{self, Crowd};
use super::own::{cpu_time, in_a_process, is_known};
use crate::Failure;
use crate::measure::Series;
use crate::report::{Bound, Line};

/// The argument by which the bench tells a process of its own to measure.
pub(super) const VERB: &str = "idle-host";

const ROUNDS: usize = 3;
const CAPSULES: usize = 500;
/// Of them, these have a run loop that waits for what it may hear.
const LOOPS: usize = 100;
/// Of a core.
const BOUND: Bound = Bound::Percent(0.5);
/// What loading left to do is done by then.
const SETTLED: Duration = Duration::from_secs(1);
/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

/// A host with many capsules, beside one with none.
pub(super) fn line() -> Result<Option<Line>, Failure> {
    if !is_known() {
        return Ok(None);
    }
    let scratch = tempfile::tempdir()?;
    let mut files = Vec::new();
    for guest in [Guest::Noop, Guest::Listener] {
        let file = scratch.path().join(guest.name());
        std::fs::write(&file, guest.component())?;
        files.push(file.to_str().ok_or("a folder that is no text")?.to_owned());
    }
    let [mut none, mut many]: [Series; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (series, capsules) in [(&mut none, 0), (&mut many, CAPSULES)] {
            let arguments = [VERB, &capsules.to_string(), &files[0], &files[1]];
            for share in in_a_process(&arguments)? {
                series.push(share);
            }
        }
    }
    Ok(Some(Line::figure(
        "500 capsules, 100 of them with parked run loops, that nobody asks",
        BOUND,
        ("a host without capsules", &none),
        &many,
    )))
}

/// Loads capsules, and prints which part of a core the process takes then, in percent. For a process of its own.
pub(super) fn print(arguments: &[String]) -> Result<(), Failure> {
    let [capsules, noop, listener] = arguments else {
        return Err(format!("{VERB} CAPSULES NOOP LISTENER").into());
    };
    let capsules: usize = capsules.parse()?;
    let noop = Crowd::of_component(std::fs::read(noop)?);
    let listener = Crowd::of_component(std::fs::read(listener)?);
    let runtime = Builder::new_multi_thread().enable_time().build()?;
    let share = runtime.block_on(async {
        let host = crowd::host().await?;
        for number in 0..capsules {
            let topic = format!("idle.v1.event{number}");
            if number % (CAPSULES / LOOPS) > 0 {
                let rest = format!("[subscribe]\n\"{topic}\" = {{ handler = \"noop\" }}\n");
                noop.load(&host, &format!("noop-{number}"), &rest).await?;
                continue;
            }
            let rest = "[subscribe]\n\"listener.v1.ask\" = {}\n";
            let name = format!("listener-{number}");
            let capsule = listener.load(&host, &name, rest).await?;
            match capsule.wait_ready(PATIENCE).await {
                Readiness::Ready => {}
                other => return Err(format!("{name}: {other:?}").into()),
            }
        }
        tokio::time::sleep(SETTLED).await;
        let (began, before) = (Instant::now(), cpu_time()?);
        tokio::time::sleep(WATCHED).await;
        let (elapsed, ran) = (began.elapsed(), cpu_time()?.saturating_sub(before));
        Ok::<_, Failure>(100.0 * ran.as_secs_f64() / elapsed.as_secs_f64())
    })?;
    println!("{share}");
    Ok(())
}
