//! `astrid build`.

use std::path::PathBuf;
use std::process::ExitCode;

use astrid_cli::authoring::Severity;
use astrid_host::exports;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::bytes;
use crate::session::{Session, shown};
use crate::{check, sources};

/// Build the component of a capsule's crate, and check it against the manifest
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The crate's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Write the missing [subscribe] lines into Capsule.toml
    #[arg(long)]
    fix: bool,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.home()?;
    let built = sources::build(session, &home, &args.folder)?;
    let binary = exports::analyse(&built.component_bytes)?;
    let findings = check::against_manifest(session, &args.folder, &built, &binary, args.fix)?;
    let document = json!({
        "component": shown(&built.component), "archive": shown(&built.archive), "size": binary.size,
        "sdk": binary.sdk, "findings": findings,
    });
    let text = format!(
        "{} ({})\n{}",
        shown(&built.component),
        bytes(binary.size),
        shown(&built.archive)
    );
    session.out.result(&document, text);
    let broken = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    Ok(if broken { ExitCode::FAILURE } else { DONE })
}
