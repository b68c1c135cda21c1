//! `astrid principal`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use astrid_host::control::requests::{
    AddPrincipal, DisablePrincipal, EnablePrincipal, ListedPrincipal, Principals, RemovePrincipal,
    SetPrincipal, ShowPrincipal, ShownPrincipal,
};
use astrid_host::manifest::CapsuleName;
use astrid_host::principal::{ProfileChange, ProfileLimit};
use bytesize::ByteSize;
use clap::Subcommand;
use serde_json::json;

use crate::duration::duration;
use crate::failure::{DONE, Failure};
use crate::output::{bytes, table};
use crate::session::{Session, capsule, principal};

/// Add, list, limit, disable or remove principals: on whose behalf capsules are called
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Add a principal
    Add {
        /// Its name
        name: String,
    },
    /// List the principals
    List,
    /// Show what a principal may use, and what it uses
    Show {
        /// Its name
        name: String,
    },
    /// Limit what a principal may use; only what is named changes
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Remove a principal, with its files and its profile
    Remove {
        /// Its name
        name: String,
        /// Remove what capsules keep for it, too
        #[arg(long)]
        purge: bool,
    },
    /// Refuse calls for a principal from now on
    Disable {
        /// Its name
        name: String,
    },
    /// Let a disabled principal be called for again
    Enable {
        /// Its name
        name: String,
    },
}

/// Each is `default` to leave it to the host again.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
struct Limits {
    /// Linear memory of all its instances together, such as 32MiB
    #[arg(long, value_name = "SIZE|default", value_parser = size)]
    memory: Option<Amount>,
    /// CPU time of a call, such as 500ms
    #[arg(long, value_name = "T|default", value_parser = time)]
    cpu: Option<Amount>,
    /// Wall time of a call, such as 10s
    #[arg(long, value_name = "T|default", value_parser = time)]
    wall: Option<Amount>,
    /// Files, keys and values with all capsules, such as 64KiB
    #[arg(long, value_name = "SIZE|default", value_parser = size)]
    storage: Option<Amount>,
    /// Events in flight, such as 16
    #[arg(long, value_name = "N|default", value_parser = count)]
    events: Option<Amount>,
    /// What all capsules publish for it in a second, such as 1MiB
    #[arg(long, value_name = "SIZE|default", value_parser = size)]
    publish: Option<Amount>,
    /// The capsules that may be called for it, as a,b, or all
    #[arg(long, value_name = "CAPSULES|all")]
    capsules: Option<String>,
}

/// What a limit becomes; none leaves it to the host.
#[derive(Clone, Copy)]
struct Amount(Option<u64>);

fn size(text: &str) -> Result<Amount, String> {
    if text == "default" {
        return Ok(Amount(None));
    }
    let size = text.parse::<ByteSize>();
    let size = size.map_err(|_| "a size is written like 64KiB, 10MB or 4096".to_owned())?;
    Ok(Amount(Some(size.as_u64())))
}

fn count(text: &str) -> Result<Amount, String> {
    if text == "default" {
        return Ok(Amount(None));
    }
    let count = text.parse();
    let count = count.map_err(|_| "it is a whole number".to_owned())?;
    Ok(Amount(Some(count)))
}

fn time(text: &str) -> Result<Amount, String> {
    if text == "default" {
        return Ok(Amount(None));
    }
    let millis = duration(text)?.as_millis();
    let millis = u64::try_from(millis).map_err(|_| "it is too long".to_owned())?;
    Ok(Amount(Some(millis)))
}

impl Limits {
    fn change(&self) -> Result<ProfileChange, Failure> {
        let all = [
            (ProfileLimit::Memory, self.memory),
            (ProfileLimit::CpuMs, self.cpu),
            (ProfileLimit::WallMs, self.wall),
            (ProfileLimit::Storage, self.storage),
            (ProfileLimit::Events, self.events),
            (ProfileLimit::PublishBytes, self.publish),
        ];
        let named = all.into_iter();
        let capsules = match self.capsules.as_deref() {
            None => None,
            Some("all") => Some(None),
            Some(names) => {
                let names = names.split(',').map(|name| capsule(name.trim()));
                let names: BTreeSet<CapsuleName> = names.collect::<Result<_, _>>()?;
                Some(Some(names))
            }
        };
        Ok(ProfileChange {
            enabled: None,
            limits: named
                .filter_map(|(limit, amount)| Some((limit, amount?.0)))
                .collect(),
            capsules,
        })
    }
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    match &args.verb {
        Verb::Add { name } => {
            let id = principal(name)?;
            session.ask(AddPrincipal { name: id.clone() })?;
            session
                .out
                .result(&json!({ "added": id }), format!("principal {id} is added"));
        }
        Verb::Disable { name } => {
            let id = principal(name)?;
            session.ask(DisablePrincipal { name: id.clone() })?;
            session.out.result(
                &json!({ "disabled": id }),
                format!("principal {id} is disabled"),
            );
        }
        Verb::Enable { name } => {
            let id = principal(name)?;
            session.ask(EnablePrincipal { name: id.clone() })?;
            session.out.result(
                &json!({ "enabled": id }),
                format!("principal {id} is enabled"),
            );
        }
        Verb::Show { name } => {
            let name = principal(name)?;
            let shown = session.ask(ShowPrincipal { name })?;
            session.out.result(&json!(shown), text(&shown));
        }
        Verb::Set { name, limits } => {
            let (name, change) = (principal(name)?, limits.change()?);
            session.ask(SetPrincipal {
                name: name.clone(),
                change,
            })?;
            session
                .out
                .result(&json!({ "set": name }), format!("principal {name} is set"));
        }
        Verb::Remove { name, purge } => {
            let name = principal(name)?;
            session.ask(RemovePrincipal {
                name: name.clone(),
                purge: *purge,
            })?;
            let text = format!("principal {name} is removed");
            session.out.result(&json!({ "removed": name }), text);
        }
        Verb::List => {
            let all = session.ask(Principals {})?;
            let text = table(["NAME", "STATE", ""], all.iter().map(row));
            session.out.result(&json!(all), text);
        }
    }
    Ok(DONE)
}

fn text(shown: &ShownPrincipal) -> String {
    let capsules = shown.capsules.as_ref().map(|capsules| {
        let names: Vec<_> = capsules.iter().map(CapsuleName::as_str).collect();
        match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        }
    });
    let lowered = |limit: Option<String>| limit.unwrap_or_else(|| "not lowered".to_owned());
    let limits = &shown.limits;
    let time = |limit: Option<u64>| lowered(limit.map(|millis| format!("{millis} ms")));
    let used = |shown: Option<(u64, u64)>, text: fn(u64) -> String| {
        shown.map_or([String::new(), String::new()], |(now, peak)| {
            [text(now), text(peak)]
        })
    };
    let running = shown.running.as_ref();
    let row =
        |name: &str, limit: String, [now, peak]: [String; 2]| [name.to_owned(), limit, now, peak];
    let plain = |name: &str, limit: String| row(name, limit, Default::default());
    let state = if shown.enabled { "enabled" } else { "disabled" };
    let rows = [
        plain("state", state.to_owned()),
        plain("capsules", capsules.unwrap_or_else(|| "all".to_owned())),
        row(
            "memory",
            lowered(limits.memory.map(bytes)),
            used(running.map(|used| (used.memory, used.memory_peak)), bytes),
        ),
        plain("cpu", time(limits.cpu_ms)),
        plain("wall", time(limits.wall_ms)),
        row(
            "storage",
            bytes(shown.storage_limit),
            [bytes(shown.storage_used), String::new()],
        ),
        row(
            "events",
            lowered(limits.events.map(|events| events.to_string())),
            used(
                running.map(|used| (used.events, used.events_peak)),
                |count| count.to_string(),
            ),
        ),
        plain(
            "publish",
            lowered(
                limits
                    .publish_bytes
                    .map(|rate| format!("{}/s", bytes(rate))),
            ),
        ),
    ];
    table([shown.name.as_str(), "LIMIT", "NOW", "PEAK"], rows)
}

/// A principal, how it is, and where it is damaged: what is wrong there is in the document.
fn row(principal: &ListedPrincipal) -> [String; 3] {
    let state = match &principal.error {
        Some(_) => "damaged",
        None if principal.enabled => "enabled",
        None => "disabled",
    };
    let message = principal.error.as_ref().map(|error| error.message.as_str());
    let place = message.and_then(|message| message.lines().next());
    [
        principal.name.to_string(),
        state.to_owned(),
        place.unwrap_or_default().to_owned(),
    ]
}
