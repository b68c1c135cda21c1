//! `cargo xtask bench`: the measurements, optimised. What is measured, against which floor, and what has to be
//! reached belongs to the program `bench` of the crate `astrid-e2e` (`tests/`).

use crate::{
    command::{self, Failure, cargo},
    target,
};

/// Builds and runs the measurements. `args` go to the program that takes them.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    target::ensure()?;
    command::run_reporting(
        cargo(&[
            "run",
            "--release",
            "--package",
            "astrid-e2e",
            "--bin",
            "bench",
            "--",
        ])
        .args(args),
    )
}
