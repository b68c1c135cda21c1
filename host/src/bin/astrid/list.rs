//! `astrid list`.

use std::process::ExitCode;

use astrid_host::package;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::table;
use crate::session::Session;

/// List the installed capsules
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(session: &Session, _args: &Args) -> Result<ExitCode, Failure> {
    let home = session.home()?;
    let _lock = home.lock_shared()?;
    let mut documents = Vec::new();
    let mut rows = Vec::new();
    for name in package::installed(&home)? {
        match package::verify(&home, &name) {
            Ok((meta, package)) => {
                let owner = meta.owner.clone().unwrap_or_default();
                documents.push(json!({
                    "name": name, "version": meta.version, "hash": package.hash(), "owner": meta.owner,
                    "source": meta.source, "installed_at": meta.installed_at, "updated_at": meta.updated_at,
                }));
                let hash = package.hash().as_str()[..12].to_owned();
                rows.push([
                    name.to_string(),
                    meta.version,
                    hash,
                    owner,
                    format!("{:.0}", meta.updated_at),
                ]);
            }
            // One that is damaged must not hide the others.
            Err(error) => {
                documents.push(json!({ "name": name, "error": { "kind": error.kind(), "message": error.to_string() } }));
                let damaged = format!("damaged ({})", error.kind());
                rows.push([
                    name.to_string(),
                    damaged,
                    String::new(),
                    String::new(),
                    String::new(),
                ]);
            }
        }
    }
    let text = if rows.is_empty() {
        "no capsule is installed; make one with: astrid new NAME".to_owned()
    } else {
        table(["NAME", "VERSION", "HASH", "OWNER", "UPDATED"], rows)
    };
    session.out.result(&json!(documents), text);
    if documents
        .iter()
        .any(|document| document["error"].is_object())
    {
        session
            .out
            .note("what is damaged, and what to do: astrid verify");
    }
    Ok(DONE)
}
