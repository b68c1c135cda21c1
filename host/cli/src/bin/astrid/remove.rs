//! `astrid remove`.

use std::process::ExitCode;

use astrid_host::control::requests::Remove;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::session::{Session, capsule};

/// Remove an installed capsule; what it keeps for principals stays, unless --purge
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one
    capsule: String,
    /// Remove what it keeps for principals, too
    #[arg(long)]
    purge: bool,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let name = capsule(&args.capsule)?;
    session.ask(Remove {
        capsule: name.clone(),
        purge: args.purge,
    })?;
    session
        .out
        .result(&json!({ "removed": name }), format!("{name} is removed"));
    Ok(DONE)
}
