//! `astrid remove`.

use std::process::ExitCode;

use astrid_host::package;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::session::{Session, capsule, explained};

/// Remove an installed capsule; what principals have stored with it stays
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one
    capsule: String,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.home()?;
    let alone = home.lock_exclusive()?;
    let name = capsule(&args.capsule)?;
    package::remove(&home, &alone, &name).map_err(|error| explained(&home, error))?;
    session
        .out
        .result(&json!({ "removed": name }), format!("{name} is removed"));
    Ok(DONE)
}
