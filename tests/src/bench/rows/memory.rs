//! What a further live instance adds to the memory of the process.

use astrid_e2e::guests::Guest;
use astrid_host::engine::Allocation;
use tokio::runtime::Runtime;

use super::own::{in_a_process, is_known, resident};
use super::subject::{Subject, calls};
use crate::Failure;
use crate::floor::{Floor, POOL};
use crate::guests::Guests;
use crate::measure::Series;
use crate::report::{Bound, Line};

/// The argument by which the bench tells a process of its own to measure.
pub(crate) const VERB: &str = "live-instances";

const ROUNDS: usize = 3;
/// Instances that are there before counting begins.
const FIRST: usize = 50;
/// Instances that are counted.
const COUNTED: usize = 500;
/// What an instance may add, in KiB.
const BOUND: Bound = Bound::Kib(64.0);
const ACTION: &str = "noop";
const PAYLOAD: &[u8] = b"null";

const SIDES: [&str; 2] = ["raw", "host"];
const ALLOCATIONS: [&str; 2] = ["pooled", "on-demand"];

/// One live instance a principal against instances alone, from a pool and on demand.
pub(super) fn lines(guests: &Guests) -> Result<Vec<Line>, Failure> {
    if !is_known() {
        return Ok(Vec::new());
    }
    let scratch = tempfile::tempdir()?;
    let component = scratch.path().join("component.wasm");
    std::fs::write(&component, guests.shipped)?;
    let component = component.to_str().ok_or("a folder that is no text")?;
    let mut all: [[Series; 2]; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (allocation, series) in ALLOCATIONS.iter().zip(&mut all) {
            for (side, series) in SIDES.iter().zip(series) {
                for bytes in in_a_process(&[VERB, side, allocation, component])? {
                    series.push(bytes);
                }
            }
        }
    }
    let [[raw_pooled, pooled], [raw_on_demand, on_demand]] = &all;
    Ok(vec![
        Line::figure(
            "resident memory of a further live instance, pooled",
            BOUND,
            ("an instance alone", raw_pooled),
            pooled,
        ),
        Line::figure(
            "the same on demand",
            BOUND,
            ("an instance alone", raw_on_demand),
            on_demand,
        ),
    ])
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
