//! From the files of a known capsule to the answer of its first call.
//!
//! A host makes an instance when it is first needed, so the first call belongs to the work on both sides.

use std::time::Instant;

use astrid_host::PrincipalId;
use tokio::runtime::Runtime;

use super::subject::{Subject, calls};
use crate::Failure;
use crate::floor::{Files, Floor};
use crate::guests::Guests;
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 300;
/// Compiling takes a hundred times as long.
const COMPILE_ROUNDS: usize = 12;
const ACTION: &str = "noop";
const PAYLOAD: &[u8] = b"null";

/// Against reading the files, taking the code as it is, and instantiating; and against compiling.
pub(super) fn lines(runtime: &Runtime, guests: &Guests) -> Result<[Line; 2], Failure> {
    let subject = runtime.block_on(Subject::install(guests, &guests.large))?;
    let floor = Floor::start(&guests.large)?;
    let scratch = tempfile::tempdir()?;
    let files = Files::of(&floor, &guests.large, subject.files()?, scratch.path())?;
    let principal = PrincipalId::default_principal();

    let host_turn = || {
        let call = calls(1, ACTION, PAYLOAD, &principal)?.remove(0);
        runtime.block_on(async {
            let began = Instant::now();
            let capsule = subject.load().await?;
            subject.host.invoke(&capsule, call).await?;
            let elapsed = began.elapsed();
            subject.host.unload(&capsule);
            Ok::<_, Failure>((elapsed, 1))
        })
    };
    let floor_turn = || {
        runtime.block_on(async {
            let began = Instant::now();
            let mut instance = floor.load(&files).await?;
            instance.call(ACTION, PAYLOAD).await?;
            Ok::<_, Failure>((began.elapsed(), 1))
        })
    };
    let compile_turn = || {
        let began = Instant::now();
        floor.compile(&guests.large)?;
        Ok::<_, Failure>((began.elapsed(), 1))
    };

    let [raw, host] = round_robin(ROUNDS, |contestant| match contestant {
        0 => floor_turn(),
        _ => host_turn(),
    })?;
    let load = Line::at_most(
        "load a known capsule of 250 KB, first call answered",
        2.5,
        ("read, deserialize, instantiate, call", &raw),
        &host,
    );
    let [compiled, host] = round_robin(COMPILE_ROUNDS, |contestant| match contestant {
        0 => compile_turn(),
        _ => host_turn(),
    })?;
    let faster = Line::faster(
        "the same, times faster",
        100.0,
        ("compile it", &compiled),
        &host,
    );
    Ok([load, faster])
}
