//! `astrid check`, and the check that ends a build.

use std::path::Path;
use std::process::ExitCode;

use astrid_host::authoring::Built;
use astrid_host::exports::Binary;

use crate::failure::{DONE, Failure};
use crate::session::Session;

/// Compare a capsule's manifest, exports and imports with each other
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A crate's folder
    #[arg(value_name = "DIR", default_value = ".")]
    target: String,
}

pub(crate) fn run(_session: &Session, _args: &Args) -> Result<ExitCode, Failure> {
    Ok(DONE)
}
pub(crate) fn against_manifest(
    _session: &Session,
    _folder: &Path,
    _built: &Built,
    _binary: &Binary,
    _fix: bool,
) -> Result<Vec<String>, Failure> {
    Ok(vec![])
}
