//! `astrid verify`.

use std::process::ExitCode;

use astrid_host::control::requests::{Verified, Verify};
use astrid_host::escape;
use serde_json::json;

use crate::failure::{DONE, Failure, REFUSED};
use crate::output::problem;
use crate::session::{Session, capsule};

/// Check that installed capsules are what was installed
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one [default: all]
    capsule: Option<String>,
}

/// What is said of a capsule that an older host installed.
const NOT_COVERED: &str =
    ", its files beside the component are not covered: install it again to have them recorded";

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let named = args.capsule.as_deref().map(capsule).transpose()?;
    let mut documents = Vec::new();
    let mut lines = Vec::new();
    let mut whole = true;
    for verified in session.ask(Verify { capsule: named })? {
        let Verified {
            name,
            whole: found,
            covered,
        } = verified;
        match found {
            Ok((version, hash)) => {
                let rest = if covered { "" } else { NOT_COVERED };
                lines.push(format!("{name} {}: whole{rest}", escape::line(&version)));
                documents.push(json!({
                    "name": name, "ok": true, "version": version, "hash": hash, "covered": covered,
                }));
            }
            Err(error) => {
                whole = false;
                lines.push(problem(&name, &error));
                documents.push(json!({ "name": name, "ok": false, "error": error }));
            }
        }
    }
    if lines.is_empty() {
        lines.push("no capsule is installed".into());
    }
    session.out.result(&json!(documents), lines.join("\n"));
    Ok(if whole { DONE } else { ExitCode::from(REFUSED) })
}
