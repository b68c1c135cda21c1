//! What is measured: a module for each group of lines. Each takes the guests and answers with its lines.

mod calls;
mod load;
mod subject;
mod threads;

use crate::Failure;
use crate::guests::Guests;
use crate::report::Line;

/// The names by which groups of lines are chosen.
pub(crate) const NAMES: [&str; 4] = ["calls", "json", "load", "threads"];

/// Measures the wanted ones.
pub(crate) fn measure(
    guests: &Guests,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Line>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    let mut lines = Vec::new();
    if wanted("calls") {
        eprintln!("calling a no-op guest");
        lines.extend(calls::noop(&runtime, guests)?);
    }
    if wanted("json") {
        eprintln!("calling a guest that reads and prints JSON");
        lines.push(calls::json(&runtime, guests)?);
    }
    if wanted("load") {
        eprintln!("loading a known capsule");
        lines.extend(load::lines(&runtime, guests)?);
    }
    if wanted("threads") {
        eprintln!("calling from two threads");
        lines.push(threads::line(&runtime, guests)?);
    }
    Ok(lines)
}
