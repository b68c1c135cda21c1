//! `astrid storage`.

use std::process::ExitCode;

use astrid_host::control::requests::{CheckStorage, Compact, Purge, Storage, Stored, StoredScope};
use clap::Subcommand;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::{bytes, table};
use crate::session::{Session, capsule};

/// Tell how full the store of keys and values is, and make it smaller
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Look at every page of the file for damage
    Check,
    /// Give back to the system what the file does not need
    Compact,
    /// Remove what belongs to no installed capsule, or to no principal that is there
    Purge {
        /// Only what this capsule kept
        capsule: Option<String>,
    },
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    match &args.verb {
        None => {
            let stored = session.ask(Storage::default())?;
            session.out.result(&json!(stored), text(&stored));
            if stored.scopes.iter().any(|scope| !scope.in_use) {
                session
                    .out
                    .note("what no installed capsule uses can be removed: astrid storage purge");
            }
        }
        Some(Verb::Check) => {
            let checked = session.ask(CheckStorage {})?;
            let text = match checked.whole {
                true => "every page is as it was written",
                false => "it was damaged, and is repaired: what was lost is not known",
            };
            session.out.result(&json!(checked), text);
        }
        Some(Verb::Compact) => {
            let done = session.ask(Compact {})?;
            let (before, after) = (bytes(done.before), bytes(done.after));
            session
                .out
                .result(&json!(done), format!("{before} before, {after} now"));
        }
        Some(Verb::Purge { capsule: name }) => {
            let name = name.as_deref().map(capsule).transpose()?;
            let purged = session.ask(Purge { capsule: name })?;
            let text = if purged.is_empty() {
                "there is nothing to remove".to_owned()
            } else {
                table(HEAD, purged.iter().map(row))
            };
            session.out.result(&json!({ "purged": purged }), text);
        }
    }
    Ok(DONE)
}

const HEAD: [&str; 4] = ["CAPSULE", "PRINCIPAL", "SIZE", ""];

fn text(stored: &Stored) -> String {
    let Some(file) = stored.file else {
        return "nothing is stored yet".to_owned();
    };
    let mut text = format!(
        "{} in {} keys; the file has {}",
        bytes(file.stored),
        file.keys,
        bytes(file.file)
    );
    if !stored.scopes.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table(HEAD, stored.scopes.iter().map(row)));
    }
    let more = stored.scope_count - stored.scopes.len();
    if more > 0 {
        text.push_str(&format!("\nand {more} smaller ones"));
    }
    text
}

fn row(scope: &StoredScope) -> [String; 4] {
    [
        scope.capsule.to_string(),
        scope.principal.to_string(),
        bytes(scope.bytes),
        if scope.in_use { "" } else { "not in use" }.to_owned(),
    ]
}
