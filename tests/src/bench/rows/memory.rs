//! What a further live instance adds to the memory of the process.
//!
//! Each measurement has a process of its own: what another one has freed would be used again, and not be counted.

use std::path::Path;
use std::process::{Command, Stdio};

use astrid_e2e::guests::Guest;
use astrid_host::engine::Allocation;
use tokio::runtime::Runtime;

use super::subject::{Subject, calls};
use crate::Failure;
use crate::floor::{Floor, POOL};
use crate::guests::Guests;
use crate::measure::Series;
use crate::report::Line;

/// The argument by which the bench tells a process of its own to measure.
pub(crate) const VERB: &str = "live-instances";

const ROUNDS: usize = 3;
/// Instances that are there before counting begins.
const FIRST: usize = 50;
/// Instances that are counted.
const COUNTED: usize = 500;
/// What an instance may add, in KiB.
const BOUND: f64 = 64.0;
const ACTION: &str = "noop";
const PAYLOAD: &[u8] = b"null";
/// Where Linux says what a process holds.
const STATUS: &str = "/proc/self/status";

const SIDES: [&str; 2] = ["raw", "host"];
const ALLOCATIONS: [&str; 2] = ["pooled", "on-demand"];

/// One live instance a principal against instances alone, from a pool and on demand.
pub(super) fn lines(guests: &Guests) -> Result<Vec<Line>, Failure> {
    if !Path::new(STATUS).exists() {
        eprintln!("  this system doesn't say what a process holds: left out");
        return Ok(Vec::new());
    }
    let scratch = tempfile::tempdir()?;
    let component = scratch.path().join("component.wasm");
    std::fs::write(&component, guests.shipped)?;
    let mut all: [[Series; 2]; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (allocation, series) in ALLOCATIONS.iter().zip(&mut all) {
            for (side, series) in SIDES.iter().zip(series) {
                series.push(in_a_process(side, allocation, &component)?);
            }
        }
    }
    let [[raw_pooled, pooled], [raw_on_demand, on_demand]] = &all;
    Ok(vec![
        Line::bytes(
            "resident memory of a further live instance, pooled",
            BOUND,
            ("an instance alone", raw_pooled),
            pooled,
        ),
        Line::bytes(
            "the same on demand",
            BOUND,
            ("an instance alone", raw_on_demand),
            on_demand,
        ),
    ])
}

fn in_a_process(side: &str, allocation: &str, component: &Path) -> Result<f64, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args([VERB, side, allocation])
        .arg(component)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{VERB} {side} {allocation}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Makes instances, and prints the bytes that a further one adds. For a process of its own.
pub(crate) fn print(arguments: &[String]) -> Result<(), Failure> {
    let [side, allocation, component] = arguments else {
        return Err(format!("{VERB} SIDE ALLOCATION COMPONENT").into());
    };
    let component = std::fs::read(component)?;
    let allocation = if allocation == ALLOCATIONS[0] {
        POOL
    } else {
        Allocation::OnDemand
    };
    let runtime = super::runtime()?;
    let bytes = if side == SIDES[0] {
        raw(&runtime, &component, allocation)?
    } else {
        host(&runtime, component, allocation)?
    };
    println!("{}", bytes / COUNTED as f64);
    Ok(())
}

fn raw(runtime: &Runtime, component: &[u8], allocation: Allocation) -> Result<f64, Failure> {
    let floor = Floor::with(component, allocation)?;
    let template = floor.template(&floor.compile(component)?)?;
    let mut live = Vec::with_capacity(FIRST + COUNTED);
    let mut further = |count| {
        runtime.block_on(async {
            for _ in 0..count {
                let mut instance = template.instantiate().await?;
                instance.call(ACTION, PAYLOAD).await?;
                live.push(instance);
            }
            Ok::<_, Failure>(())
        })
    };
    further(FIRST)?;
    let before = resident()?;
    further(COUNTED)?;
    Ok(resident()? - before)
}

fn host(runtime: &Runtime, component: Vec<u8>, allocation: Allocation) -> Result<f64, Failure> {
    let hash = astrid_host::package::ComponentHash::of(&component);
    let package = astrid_host::Package::from_bytes(&Guest::Noop.manifest(), component, hash)?;
    let subject = runtime.block_on(Subject::start(package, allocation))?;
    let capsule = runtime.block_on(subject.load())?;
    let principals = subject.principals(FIRST + COUNTED)?;
    let (first, counted) = principals.split_at(FIRST);
    let called_by = |principals: &[astrid_host::PrincipalId]| {
        runtime.block_on(async {
            for principal in principals {
                let call = calls(1, ACTION, PAYLOAD, principal)?.remove(0);
                subject.host.invoke(&capsule, call).await?;
            }
            Ok::<_, Failure>(())
        })
    };
    called_by(first)?;
    let before = resident()?;
    called_by(counted)?;
    Ok(resident()? - before)
}

/// Bytes of memory that this process holds.
fn resident() -> Result<f64, Failure> {
    let status = std::fs::read_to_string(STATUS)?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("no VmRSS")?.trim().parse::<f64>()? * 1024.0)
}
