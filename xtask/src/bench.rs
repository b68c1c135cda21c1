//! `cargo xtask bench`: the measurements, optimised. What is measured, against which floor, and what has to be
//! reached belongs to the program `bench` of the crate `astrid-e2e` (`tests/`).

use crate::{
    command::{self, Failure, cargo},
    target,
};

/// Builds and runs the measurements. `args` go to the program that takes them.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    target::ensure()?;
    // Both run as processes of their own. Named together with the bench's package, so that all share one engine.
    command::run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "astrid-cli",
        "--package",
        "astrid-e2e",
        "--bin",
        "astrid",
        "--bin",
        "bare",
    ]))?;
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
        .args(args)
        // With it each error of the engine looks for the host's own functions on the stack, on both sides.
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_LIB_BACKTRACE"),
    )
}
