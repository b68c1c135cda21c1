//! `astrid verify`.

use std::process::ExitCode;

use astrid_host::package;
use serde_json::json;

use crate::failure::{DONE, Failure, REFUSED};
use crate::output::clean;
use crate::session::{Session, capsule, explained};

/// Check that installed capsules are what was installed
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one [default: all]
    capsule: Option<String>,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.home()?;
    let _lock = home.lock_shared()?;
    let names = match &args.capsule {
        Some(name) => vec![capsule(name)?],
        None => package::installed(&home)?,
    };
    let mut documents = Vec::new();
    let mut lines = Vec::new();
    let mut whole = true;
    for name in names {
        match package::verify(&home, &name) {
            Ok((meta, package)) => {
                lines.push(format!("{name} {}: whole", meta.version));
                documents.push(json!({ "name": name, "ok": true, "version": meta.version, "hash": package.hash() }));
            }
            Err(error @ package::PackageError::NotInstalled { .. }) => {
                return Err(explained(&home, error));
            }
            Err(error) => {
                whole = false;
                lines.push(format!("{name}: {}", clean(&error.to_string())));
                lines.extend(error.hint().map(|hint| format!("  hint: {}", clean(&hint))));
                documents.push(json!({
                    "name": name, "ok": false,
                    "error": { "kind": error.kind(), "message": error.to_string(), "hint": error.hint() },
                }));
            }
        }
    }
    if lines.is_empty() {
        lines.push("no capsule is installed".into());
    }
    session.out.result(&json!(documents), lines.join("\n"));
    Ok(if whole { DONE } else { ExitCode::from(REFUSED) })
}
