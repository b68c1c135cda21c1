//! `cargo xtask e2e`: the end-to-end scenarios, through the built `astrid` as a process.
//!
//! What a scenario is, what it asks and how that is printed belongs to the crate `astrid-e2e` (`tests/`); here
//! only what it needs is made.

use crate::{
    command::{self, Failure, cargo},
    target,
};

/// Builds the command, then runs the scenarios. `args` go to the program that runs them.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    target::ensure()?;
    command::run(&mut cargo(&[
        "build",
        "--package",
        "astrid-cli",
        "--bin",
        "astrid",
    ]))?;
    command::run_reporting(cargo(&["run", "--quiet", "--package", "astrid-e2e", "--"]).args(args))
}
