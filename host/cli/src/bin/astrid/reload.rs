//! `astrid reload`.

use std::process::ExitCode;

use astrid_host::control::requests::Reload;
use serde_json::json;

use crate::failure::{DONE, Failure, exit_code};
use crate::output::problem;
use crate::session::{Session, capsule};

/// Have the running host load a capsule anew; what waits for it is not lost
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one [default: all that are installed]
    capsule: Option<String>,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let named = args.capsule.as_deref().map(capsule).transpose()?;
    let (mut documents, mut lines, mut code) = (Vec::new(), Vec::new(), DONE);
    for reloaded in session.ask(Reload { capsule: named })? {
        let name = reloaded.name;
        match reloaded.version {
            Ok(version) => {
                let not_ready = reloaded.not_ready;
                let but = not_ready.as_ref().map(|reason| format!("; {reason}"));
                lines.push(format!(
                    "{name} {version} is loaded{}",
                    but.unwrap_or_default()
                ));
                let loaded = json!({
                    "name": name, "ok": true, "version": version, "not_ready": not_ready,
                });
                documents.push(loaded);
            }
            Err(error) => {
                code = exit_code(&error);
                lines.push(problem(&name, &error));
                documents.push(json!({ "name": name, "ok": false, "error": error }));
            }
        }
    }
    if lines.is_empty() {
        lines.push("no capsule is installed".into());
    }
    session.out.result(&json!(documents), lines.join("\n"));
    Ok(code)
}
