//! `cargo xtask e2e`: the scenarios, through the `astrid` command as a process, from a source file to a verdict.
//!
//! Each scenario is a chapter of what a user does; each line in it is one command, what it answered, and how long
//! that took. The last line says how many went as they should.

mod archives;
mod author;
mod compiled;
mod consent;
mod crates;
mod ending;
mod events;
mod failing;
mod hostile;
mod keeping;
mod operator;
mod report;
mod running;
mod traces;
mod trust;
mod verdicts;

use std::process::ExitCode;

use astrid_e2e::command::{self, Astrid};
use astrid_e2e::{folders, guests, published};

use report::Report;

fn main() -> ExitCode {
    let mut report = Report::default();
    if let Err(error) = scenarios(&mut report) {
        report.broken(&error);
    }
    report.finish()
}

/// Runs all; what keeps the rest from being run is an error.
fn scenarios(report: &mut Report) -> Result<(), String> {
    report.note("building the guests (the first time takes a minute or two)");
    guests::build_all()?;
    published::build_all()?;
    let binary = command::binary()?;
    let astrid = Astrid::new(binary.clone(), &folders::guests("workspace"))?;

    operator::installs(report, &astrid)?;
    verdicts::answers(report, &astrid);
    verdicts::mistakes(report, &astrid);
    hostile::guests(report, binary.clone())?;
    events::chain(report, binary.clone())?;
    operator::principals_and_logs(report, &astrid);
    operator::published(report, &astrid)?;
    trust::swapped_bytes(report, &astrid)?;
    trust::refusals(report, &astrid)?;
    archives::installs(report, &astrid)?;
    consent::upgrades(report, binary.clone())?;
    compiled::at_once(report, &astrid)?;
    operator::removal(report, &astrid);
    failing::capsules(report, binary.clone())?;
    running::host(report, binary.clone())?;
    keeping::counter(report, binary.clone())?;
    keeping::configuration(report, binary.clone())?;
    traces::left(report, binary.clone())?;
    crates::scenarios(report, binary)?;
    author::from_nothing(report)
}
