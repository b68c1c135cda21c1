//! What is measured: a module for each group of lines. Each takes the guests and answers with its lines.

mod calls;
mod compile;
mod crowd;
mod door;
mod idle;
mod index;
mod install;
mod instances;
mod kv;
mod load;
mod loops;
mod memory;
mod own;
mod process;
mod publish;
mod raw_loop;
mod subject;
mod subscribers;
mod threads;
mod traps;

use tokio::runtime::Runtime;

use crate::Failure;
use crate::guests::Guests;
use crate::report::Line;

/// The names by which groups of lines are chosen.
pub(crate) const NAMES: [&str; 18] = [
    "calls",
    "json",
    "door",
    "load",
    "threads",
    "instances",
    "traps",
    "memory",
    "process",
    "install",
    "index",
    "publish",
    "chain",
    "subscribers",
    "loops",
    "idle",
    "kv",
    "compile",
];

/// What a process of its own measures, if that is what its first argument asks for.
pub(crate) fn print(arguments: &[String]) -> Option<Result<(), Failure>> {
    let (verb, rest) = arguments.split_first()?;
    match verb.as_str() {
        memory::VERB => Some(memory::print(rest)),
        loops::VERB => Some(loops::print(rest)),
        idle::VERB => Some(idle::print(rest)),
        kv::VERB => Some(kv::print(rest)),
        _ => None,
    }
}

/// Measures the wanted ones.
pub(crate) fn measure(
    guests: &Guests,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Line>, Failure> {
    let runtime = runtime()?;
    let mut lines = Vec::new();
    if wanted("calls") {
        eprintln!("calling a no-op guest");
        lines.extend(calls::noop(&runtime, guests)?);
    }
    if wanted("json") {
        eprintln!("calling a guest that reads and prints JSON");
        lines.push(calls::json(&runtime, guests)?);
    }
    if wanted("door") {
        eprintln!("judging payloads");
        lines.extend(door::lines()?);
    }
    if wanted("load") {
        eprintln!("loading a known capsule");
        lines.extend(load::lines(&runtime, guests)?);
    }
    if wanted("threads") {
        eprintln!("calling from two threads");
        lines.push(threads::line(&runtime, guests)?);
    }
    if wanted("instances") {
        eprintln!("making instances");
        lines.extend(instances::lines(&runtime, guests)?);
    }
    if wanted("traps") {
        eprintln!("going on after traps");
        lines.push(traps::line(&runtime)?);
    }
    if wanted("memory") {
        eprintln!("weighing instances");
        lines.extend(memory::lines(guests)?);
    }
    if wanted("process") {
        eprintln!("running astrid invoke");
        lines.push(process::line(&runtime, guests)?);
    }
    if wanted("install") {
        eprintln!("installing");
        lines.push(install::line(&runtime, guests)?);
    }
    if wanted("index") {
        eprintln!("finding handlers");
        lines.extend(index::lines()?);
    }
    if wanted("publish") {
        eprintln!("dispatching events");
        lines.extend(publish::lines(&runtime, guests)?);
    }
    if wanted("chain") {
        eprintln!("going along chains");
        lines.push(publish::chain(&runtime)?);
    }
    if wanted("subscribers") {
        eprintln!("publishing to many");
        lines.push(subscribers::line(&runtime)?);
    }
    if wanted("loops") {
        eprintln!("waking run loops");
        lines.extend(loops::lines(&runtime)?);
    }
    if wanted("idle") {
        eprintln!("asking nobody anything");
        lines.extend(idle::line()?);
    }
    if wanted("kv") {
        eprintln!("keeping keys and values");
        lines.extend(kv::lines(&runtime)?);
    }
    if wanted("compile") {
        eprintln!("compiling what is slow to compile");
        lines.push(compile::line(guests)?);
    }
    Ok(lines)
}

/// What host and floor are polled by.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
}
