//! `astrid inspect`.

use std::process::ExitCode;

use astrid_host::control::requests::{Inspect, Inspected};
use astrid_host::package;
use serde_json::{Map, Value, json};

use crate::failure::{DONE, Failure};
use crate::output::{bold, bytes, clean};
use crate::session::Session;
use crate::sources::Source;

/// Show what a capsule is: hash, imports, and which entry points it really has
#[derive(clap::Args)]
pub(crate) struct Args {
    /// An installed capsule, a crate's folder, a folder with Capsule.toml beside its component, or a component
    #[arg(value_name = "CAPSULE|DIR|FILE")]
    target: String,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.home()?;
    let inspected = match Source::find(&home, &args.target)? {
        Source::Installed(capsule) => session.ask(Inspect { capsule })?,
        Source::Component(file) => Inspected::of(None, &package::component(&file)?)?,
        source => {
            let package = source.package(session, &home)?.package;
            for warning in package.warnings() {
                session.out.warning(warning);
            }
            Inspected::of(Some(package.manifest()), package.component())?
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
    });
    session.out.result(&document, text(&inspected));
    Ok(DONE)
}

fn text(inspected: &Inspected) -> String {
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
            format!("astrid-sdk {sdk}")
        });
    lines.push(format!("made by  {made_with}"));
    if let Some(manifest) = manifest {
        let held = if manifest.capabilities.is_empty() {
            "no capabilities".to_owned()
        } else {
            manifest.capabilities.join(", ")
        };
        lines.push(format!("asks for {held}"));
    }
    lines.push("imports".to_owned());
    lines.extend(
        binary
            .imports
            .iter()
            .map(|import| format!("  {}", clean(import))),
    );
    lines.push("entry points".to_owned());
    for (entry, judgement) in &binary.entry_points {
        let word = if judgement.real { "real" } else { "stub" };
        lines.push(format!("  {entry:<20} {word}: {}", clean(&judgement.why)));
    }
    if let Some(handlers) = &binary.handlers {
        lines.push("handlers".to_owned());
        for handler in handlers {
            let topic = handler.topic.as_deref().unwrap_or("called directly");
            lines.push(format!("  {:<20} {}", clean(&handler.action), clean(topic)));
        }
    }
    lines.join("\n")
}
