//! `cargo xtask tidy`: the house rules. They are tests (`xtask/tests/tidy/`), so that `cargo test` is the whole
//! gate; this runs them alone.

use crate::command::{self, Failure, cargo};

/// Asked of the whole workspace, so that what it compiles is what `cargo test --workspace` needs as well.
const TIDY: &[&str] = &["test", "--quiet", "--workspace", "--test", "tidy"];

/// Checks the repository against the house rules.
pub(crate) fn run() -> Result<(), Failure> {
    // A broken rule is a place in a file; the call stack that found it says nothing.
    command::run_reporting(cargo(TIDY).env("RUST_BACKTRACE", "0"))
}

/// Records the shape of WIT packages that have no line in `wit/frozen.txt` yet, then checks as `run` does.
pub(crate) fn freeze() -> Result<(), Failure> {
    command::run(cargo(TIDY).args(["--", "--ignored", "--exact", "wit::freeze"]))?;
    run()
}
