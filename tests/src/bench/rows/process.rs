//! `astrid invoke` as a process, from its start to its end.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::subject::Subject;
use crate::Failure;
use crate::floor::{Files, Floor};
use crate::guests::Guests;
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 200;
const ACTION: &str = "echo";
const PAYLOAD: &str = r#"{"name":"Ada"}"#;

/// Against the program `bare`, which does the same with wasmtime alone.
pub(super) fn line(runtime: &Runtime, guests: &Guests) -> Result<Line, Failure> {
    let subject = runtime.block_on(Subject::install(guests, guests.shipped))?;
    let floor = Floor::start(guests.shipped)?;
    let scratch = tempfile::tempdir()?;
    let files = Files::of(&floor, guests.shipped, subject.files()?, scratch.path())?;
    let mut bare: Vec<OsString> = vec![ACTION.into(), PAYLOAD.into()];
    bare.extend(files.paths().map(Into::into));
    let home = subject.host.home().root();
    let astrid = ["--home".into(), home.into(), "invoke".into()];
    let asked = [subject.name.as_str(), ACTION, "--payload", PAYLOAD];
    let astrid: Vec<OsString> = astrid.into_iter().chain(asked.map(Into::into)).collect();

    let workspace = scratch.path();
    let mut bare = program("bare", &bare, workspace)?;
    let mut astrid = program("astrid", &astrid, workspace)?;
    let [raw, host] = round_robin(ROUNDS, |contestant| match contestant {
        0 => timed(&mut bare),
        _ => timed(&mut astrid),
    })?;
    Ok(Line::at_most(
        "astrid invoke, the whole process",
        1.5,
        ("a program of wasmtime alone", &raw),
        &host,
    ))
}

/// A program that was built with the bench, and answers to these arguments with what it was given.
fn program(
    name: &str,
    arguments: &[OsString],
    folder: &std::path::Path,
) -> Result<Command, Failure> {
    let path: PathBuf = std::env::current_exe()?.with_file_name(name);
    if !path.is_file() {
        let path = path.display();
        return Err(format!("there is no {path}: `cargo xtask bench` builds it").into());
    }
    let mut command = Command::new(path);
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() || !String::from_utf8_lossy(&output.stdout).contains(PAYLOAD) {
        return Err(format!("{name}: {output:?}").into());
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

fn timed(command: &mut Command) -> Result<(Duration, u32), Failure> {
    let began = Instant::now();
    let status = command.status()?;
    let elapsed = began.elapsed();
    if status.success() {
        Ok((elapsed, 1))
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}
