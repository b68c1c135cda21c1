//! What this process itself holds and takes, and processes of the bench's own in which that is measured: what another
//! measurement has freed would be used again, and not be counted.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;

/// Where Linux says what a process holds.
const STATUS: &str = "/proc/self/status";
/// Where it says how long each thread ran.
const TASKS: &str = "/proc/self/task";

/// Whether this system says what a process holds; says so if it doesn't.
pub(super) fn is_known() -> bool {
    let known = Path::new(STATUS).exists();
    if !known {
        eprintln!("  this system doesn't say what a process holds: left out");
    }
    known
}

/// Runs the bench in a process of its own, which prints numbers.
pub(super) fn in_a_process(arguments: &[&str]) -> Result<Vec<f64>, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{}: {}", arguments.join(" "), output.status).into());
    }
    let numbers = String::from_utf8(output.stdout)?;
    Ok(numbers
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?)
}

/// Bytes of memory that this process holds.
pub(super) fn resident() -> Result<f64, Failure> {
    let kib = status("VmRSS:")?;
    let kib = kib.strip_suffix(" kB").ok_or("VmRSS isn't in kB")?;
    Ok(kib.parse::<f64>()? * 1024.0)
}

/// Its threads.
pub(super) fn threads() -> Result<f64, Failure> {
    Ok(status("Threads:")?.parse()?)
}

fn status(line: &str) -> Result<String, Failure> {
    let status = std::fs::read_to_string(STATUS)?;
    let mut lines = status.lines();
    let value = lines.find_map(|text| text.strip_prefix(line));
    Ok(value.ok_or("a line is missing")?.trim().to_owned())
}

/// How long its threads ran until now, those that have ended aside.
pub(super) fn cpu_time() -> Result<Duration, Failure> {
    let mut nanos = 0;
    for task in std::fs::read_dir(TASKS)? {
        // One that ends meanwhile is left out.
        if let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) {
            let ran = text.split_whitespace().next().ok_or("no time in it")?;
            nanos += ran.parse::<u64>()?;
        }
    }
    Ok(Duration::from_nanos(nanos))
}
