//! What a second principal on a second thread gains.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use astrid_host::{Capsule, Host, PrincipalId};
use tokio::runtime::Runtime;

use super::subject::{Subject, calls, payload};
use crate::Failure;
use crate::floor::{Floor, Instance};
use crate::guests::Guests;
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 1_000;
/// Calls of each thread in a turn: long enough that starting together doesn't count, and short enough that the
/// scheduler lets both threads run to the end even on a busy machine.
const TURN: u32 = 500;
/// A second core gains more than this unless something else runs on it.
const TELLING: f64 = 1.3;
const ACTION: &str = "noop";

/// Calls by two principals on two threads, against one on one, as a part of what raw calls gain.
pub(super) fn line(runtime: &Runtime, guests: &Guests) -> Result<Line, Failure> {
    let subject = runtime.block_on(Subject::install(guests, guests.shipped))?;
    let capsule = runtime.block_on(subject.load())?;
    let principals = [PrincipalId::default_principal(), "second".parse()?];
    subject.host.principals().add(&principals[1])?;
    // What is shared weighs most where a call is shortest.
    let payload = payload(65);
    let floor = Floor::start(guests.shipped)?;
    let component = floor.compile(guests.shipped)?;
    let mut raw = [
        runtime.block_on(floor.instantiate(&component))?,
        runtime.block_on(floor.instantiate(&component))?,
    ];

    let all = round_robin(ROUNDS, |contestant| match contestant {
        0 => together(raw.iter_mut().take(1).map(|one| raw_calls(one, payload))),
        1 => together(raw.iter_mut().map(|one| raw_calls(one, payload))),
        2 => together(
            principals
                .iter()
                .take(1)
                .map(|by| host_calls(&subject.host, &capsule, by, payload)),
        ),
        _ => together(
            principals
                .iter()
                .map(|by| host_calls(&subject.host, &capsule, by, payload)),
        ),
    })?;
    let [raw_one, raw_two, host_one, host_two] = &all;
    let gain = |one: f64, two: f64| one / two;
    let raw_gain = raw_one.with(raw_two, gain);
    if raw_gain.median() < TELLING {
        eprintln!(
            "  two threads hardly gain anything even with raw calls: the machine is busy, and the line tells little"
        );
    }
    Ok(Line::gain(
        "two principals on two threads against one on one",
        0.9,
        ("two stores on two threads", &raw_gain),
        &host_one.with(host_two, gain),
    ))
}

/// A thread's part of a turn: waits for the others, then calls, and tells from when until when.
trait Part: FnOnce(&Start) -> Result<(Instant, Instant), Failure> + Send {}
impl<F: FnOnce(&Start) -> Result<(Instant, Instant), Failure> + Send> Part for F {}

/// Lets threads start at once: they spin, because one that sleeps is late by as much as many calls take.
struct Start(AtomicUsize);

impl Start {
    fn together(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
        while self.0.load(Ordering::Acquire) > 0 {
            std::hint::spin_loop();
        }
    }
}

/// Runs each part on a thread of its own; how long it took from the first call to the last one's end.
fn together<P: Part>(parts: impl Iterator<Item = P>) -> Result<(Duration, u32), Failure> {
    let parts: Vec<P> = parts.collect();
    let calls = TURN * u32::try_from(parts.len())?;
    let start = Start(AtomicUsize::new(parts.len()));
    let times = std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(|| part(&start)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .map_err(|_| Failure::from("a thread panicked"))?
            })
            .collect::<Result<Vec<_>, Failure>>()
    })?;
    let began = times.iter().map(|(began, _)| *began).min();
    let ended = times.iter().map(|(_, ended)| *ended).max();
    match (began, ended) {
        (Some(began), Some(ended)) => Ok((ended.saturating_duration_since(began), calls)),
        _ => Err("no thread ran".into()),
    }
}

fn raw_calls(instance: &mut Instance, payload: &'static [u8]) -> impl Part {
    move |start: &Start| {
        let runtime = on_this_thread()?;
        runtime.block_on(async {
            instance.call(ACTION, payload).await?;
            start.together();
            let began = Instant::now();
            for _ in 0..TURN {
                instance.call(ACTION, payload).await?;
            }
            Ok((began, Instant::now()))
        })
    }
}

fn host_calls<'a>(
    host: &'a Host,
    capsule: &'a Capsule,
    by: &'a PrincipalId,
    payload: &'a [u8],
) -> impl Part + 'a {
    move |start: &Start| {
        let runtime = on_this_thread()?;
        let warm_up = calls(1, ACTION, payload, by)?;
        let calls = calls(TURN, ACTION, payload, by)?;
        runtime.block_on(async {
            for call in warm_up {
                host.invoke(capsule, call).await?;
            }
            start.together();
            let began = Instant::now();
            for call in calls {
                host.invoke(capsule, call).await?;
            }
            Ok((began, Instant::now()))
        })
    }
}

fn on_this_thread() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
}
