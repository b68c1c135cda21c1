//! `astrid inspect`.

use std::process::ExitCode;

use astrid_host::exports::{self, Binary};
use astrid_host::home::Home;
use astrid_host::manifest::CapsuleManifest;
use astrid_host::package::ComponentHash;
use serde_json::{Map, Value, json};

use crate::failure::{DONE, Failure};
use crate::output::{bold, bytes, clean};
use crate::session::{Session, unreadable};
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
    let _lock = home.lock_shared()?;
    let (manifest, component) = read(session, &home, &args.target)?;
    let run = manifest.as_ref().and_then(|manifest| manifest.runtime.run);
    let binary = exports::analyse(&component)?.with_run(run);
    let hash = ComponentHash::of(&component);
    let name = manifest
        .as_ref()
        .map(|manifest| manifest.name().to_string());
    let version = manifest
        .as_ref()
        .map(|manifest| manifest.package.version.to_string());
    let entry_points: Map<String, Value> = binary
        .entry_points
        .iter()
        .map(|(entry, judgement)| (entry.to_string(), json!(judgement)))
        .collect();
    let document = json!({
        "name": name, "version": version, "hash": hash, "size": binary.size, "sdk": binary.sdk,
        "imports": binary.imports, "exports": entry_points, "handlers": binary.handlers,
        "capabilities": manifest.as_ref().map(|manifest| manifest.capabilities.held()),
    });
    session
        .out
        .result(&document, text(manifest.as_ref(), &binary, &hash));
    Ok(DONE)
}

fn read(
    session: &Session,
    home: &Home,
    target: &str,
) -> Result<(Option<CapsuleManifest>, Vec<u8>), Failure> {
    match Source::find(home, target)? {
        Source::Component(file) => {
            let component = std::fs::read(&file).map_err(unreadable(&file))?;
            Ok((None, component))
        }
        source => {
            let package = source.package(session, home)?;
            for warning in package.warnings() {
                session.out.warning(warning);
            }
            Ok((
                Some(package.manifest().clone()),
                package.component().to_vec(),
            ))
        }
    }
}

fn text(manifest: Option<&CapsuleManifest>, binary: &Binary, hash: &ComponentHash) -> String {
    let mut lines = Vec::new();
    match manifest {
        Some(manifest) => lines.push(bold(format!(
            "{} {}",
            manifest.name(),
            manifest.package.version
        ))),
        None => lines.push(bold("a component without a manifest")),
    }
    lines.push(format!("hash     {hash}"));
    lines.push(format!("size     {}", bytes(binary.size)));
    let made_with = binary
        .sdk
        .as_ref()
        .map_or("another toolchain".to_owned(), |sdk| {
            format!("astrid-sdk {sdk}")
        });
    lines.push(format!("made by  {made_with}"));
    if let Some(manifest) = manifest {
        let held = manifest.capabilities.held();
        let held = if held.is_empty() {
            "no capabilities".to_owned()
        } else {
            held.join(", ")
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
