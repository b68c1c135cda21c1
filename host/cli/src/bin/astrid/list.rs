//! `astrid list`.

use std::process::ExitCode;
use std::time::Duration;

use astrid_host::control::requests::{Life, List, Listed, RefusedFor};
use serde_json::{Value, json};

use crate::failure::{DONE, Failure};
use crate::output::table;
use crate::session::Session;

/// List the installed capsules; how they fare, too, when a host runs
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(session: &Session, _args: &Args) -> Result<ExitCode, Failure> {
    let listed = session.ask(List {})?;
    let documents: Vec<_> = listed.iter().map(document).collect();
    let text = if listed.is_empty() {
        "no capsule is installed; make one with: astrid new NAME".to_owned()
    } else if listed.iter().any(|one| one.life.is_some()) {
        let head = [
            "NAME", "VERSION", "HASH", "OWNER", "UPDATED", "STATE", "RESTARTS", "QUEUED", "",
        ];
        table(head, listed.iter().map(living))
    } else {
        table(
            ["NAME", "VERSION", "HASH", "OWNER", "UPDATED"],
            listed.iter().map(installed),
        )
    };
    session.out.result(&json!(documents), text);
    if listed.iter().any(|one| one.error.is_some()) {
        session
            .out
            .note("what is damaged, and what to do: astrid verify");
    }
    Ok(DONE)
}

fn document(one: &Listed) -> Value {
    let life = one.life.as_ref();
    let mut document = match (&one.record, &one.error) {
        (Some(record), _) => json!({
            "name": one.name, "version": record.version, "hash": record.hash,
            "owner": record.owner, "source": record.source,
            "installed_at": record.installed_at, "updated_at": record.updated_at,
        }),
        (None, error) => {
            let error = error.as_ref();
            let error = error.map(|error| json!({ "kind": error.kind, "message": error.message }));
            json!({ "name": one.name, "error": error })
        }
    };
    document["state"] = json!(life.map(|life| life.state.as_str()));
    document["reason"] = json!(life.and_then(|life| life.reason.as_ref()));
    document["restarts"] = json!(life.map(|life| life.restarts));
    document["queued"] = json!(life.map(|life| life.queued));
    document["refused"] = json!(life.map(|life| &life.refused));
    document["refused_count"] = json!(life.map(|life| life.refused_count));
    document
}

fn installed(one: &Listed) -> [String; 5] {
    let name = one.name.to_string();
    match (&one.record, &one.error) {
        (Some(record), _) => {
            let hash = record.hash.as_str()[..12].to_owned();
            let owner = record.owner.clone().unwrap_or_default();
            let updated = format!("{:.0}", record.updated_at);
            [name, record.version.clone(), hash, owner, updated]
        }
        (None, error) => {
            let kind = error.as_ref().map_or("damaged".to_owned(), |error| {
                format!("damaged ({})", error.kind)
            });
            [name, kind, String::new(), String::new(), String::new()]
        }
    }
}

/// Why it isn't loaded or its run loop failed, and for whom it isn't called.
fn remarks(life: &Life) -> String {
    let mut remarks: Vec<_> = life.reason.iter().cloned().collect();
    for RefusedFor {
        principal,
        reason,
        retry_in_ms,
    } in &life.refused
    {
        let seconds = Duration::from_millis(*retry_in_ms).as_secs_f64();
        remarks.push(format!(
            "not called for {principal} for another {seconds:.1} s: {reason}"
        ));
    }
    let others = life.refused_count.saturating_sub(life.refused.len());
    if others > 0 {
        remarks.push(format!("nor for {others} others"));
    }
    remarks.join("; ")
}

fn living(one: &Listed) -> [String; 9] {
    let [name, version, hash, owner, updated] = installed(one);
    let [state, restarts, queued, reason] = match &one.life {
        Some(life) => [
            life.state.as_str().to_owned(),
            life.restarts.to_string(),
            life.queued.to_string(),
            remarks(life),
        ],
        None => Default::default(),
    };
    [
        name, version, hash, owner, updated, state, restarts, queued, reason,
    ]
}
