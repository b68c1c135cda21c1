//! `astrid inspect`.

use std::process::ExitCode;

use astrid_host::control::requests::{CallLimits, Inspect, Inspected};
use astrid_host::{escape, package};
use serde_json::{Map, Value, json};

use crate::consent::Compared;
use crate::failure::{DONE, Failure};
use crate::output::{bold, bytes};
use crate::session::Session;
use crate::sources::Source;

/// Show what a capsule is: hash, imports, and which entry points it really has
///
/// Nothing is built or run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// An installed capsule, a crate's folder as it was last built, a folder with Capsule.toml beside its component,
    /// or a component
    #[arg(value_name = "CAPSULE|DIR|FILE")]
    target: String,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.look()?;
    let mut compared = Compared::nothing();
    let inspected = match Source::find(&home, &args.target)? {
        Source::Installed(capsule) => session.ask(Inspect { capsule })?,
        Source::Component(file) => Inspected::component(&package::component(&file)?)?,
        source => {
            let package = source.as_it_is(session, &home)?.package;
            for warning in package.warnings() {
                session.out.warning(warning);
            }
            compared = Compared::of(&home, &package, &args.target)?;
            Inspected::package(&home, &package)?
        }
    };
    let (manifest, binary) = (inspected.manifest.as_ref(), &inspected.binary);
    let entry_points: Map<String, Value> = binary
        .entry_points
        .iter()
        .map(|(entry, judgement)| (entry.to_string(), json!(judgement)))
        .collect();
    let document = json!({
        "name": manifest.map(|manifest| &manifest.name),
        "version": manifest.map(|manifest| &manifest.version),
        "hash": inspected.hash, "size": binary.size, "sdk": binary.sdk,
        "imports": binary.imports, "exports": entry_points, "handlers": binary.handlers,
        "capabilities": manifest.map(|manifest| &manifest.capabilities),
        "owner": manifest.map(|manifest| &manifest.limits.principal),
        "source": manifest.map(|manifest| &manifest.source),
        "terms": manifest.map(|manifest| &manifest.terms), "limits": manifest.map(|manifest| &manifest.limits),
        "compared": compared.document,
    });
    let mut lines = text(&inspected);
    lines.extend(compared.lines);
    session.out.result(&document, lines.join("\n"));
    Ok(DONE)
}

fn text(inspected: &Inspected) -> Vec<String> {
    let (manifest, binary) = (inspected.manifest.as_ref(), &inspected.binary);
    let mut lines = Vec::new();
    match manifest {
        Some(manifest) => lines.push(bold(format!("{} {}", manifest.name, manifest.version))),
        None => lines.push(bold("a component without a manifest")),
    }
    lines.push(format!("hash     {}", inspected.hash));
    lines.push(format!("size     {}", bytes(binary.size)));
    let made_with = binary
        .sdk
        .as_ref()
        .map_or("another toolchain".to_owned(), |sdk| {
            format!("astrid-sdk {}", escape::line(sdk))
        });
    lines.push(format!("made by  {made_with}"));
    if let Some(manifest) = manifest {
        if let Some(source) = &manifest.source {
            lines.push(format!("source   {}", escape::line(source)));
        }
        lines.push(format!("owner    {}", manifest.limits.principal));
        lines.push(format!("limits   {}", limits(&manifest.limits)));
        lines.push("asks for".to_owned());
        let asks = manifest.terms.lines().into_iter();
        lines.extend(asks.map(|line| format!("  {line}")));
    }
    lines.push("imports".to_owned());
    lines.extend(
        binary
            .imports
            .iter()
            .map(|import| format!("  {}", escape::line(import))),
    );
    lines.push("entry points".to_owned());
    for (entry, judgement) in &binary.entry_points {
        let word = if judgement.real { "real" } else { "stub" };
        lines.push(format!(
            "  {entry:<20} {word}: {}",
            escape::line(&judgement.why)
        ));
    }
    if let Some(handlers) = &binary.handlers {
        lines.push("handlers".to_owned());
        for handler in handlers {
            let topic = handler.topic.as_deref().unwrap_or("called directly");
            lines.push(format!(
                "  {:<20} {}",
                escape::line(&handler.action),
                escape::line(topic)
            ));
        }
    }
    lines
}

/// What a call may use, for people.
fn limits(limits: &CallLimits) -> String {
    let CallLimits {
        principal: _,
        memory,
        cpu_ms,
        wall_ms,
    } = limits;
    let memory = bytes(*memory);
    format!(
        "{memory} of memory, {cpu_ms} ms of CPU time and {wall_ms} ms in all, for a call by its owner"
    )
}
