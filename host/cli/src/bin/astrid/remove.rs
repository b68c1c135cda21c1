//! `astrid remove`.

use std::process::ExitCode;

use astrid_host::control::requests::Remove;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::session::{Session, capsule};

/// Remove an installed capsule; what principals have stored with it stays
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one
    capsule: String,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let name = capsule(&args.capsule)?;
    session.ask(Remove {
        capsule: name.clone(),
    })?;
    session
        .out
        .result(&json!({ "removed": name }), format!("{name} is removed"));
    Ok(DONE)
}
