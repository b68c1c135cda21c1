//! `astrid install`.

use std::path::Path;
use std::process::ExitCode;

use astrid_host::control::Ask as _;
use astrid_host::control::requests::Install;
use astrid_host::home::Home;
use astrid_host::manifest::CapsuleManifest;
use astrid_host::{ErrorKind, Package};
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::{bold, clean};
use crate::session::{Session, known_principal, principal};
use crate::sources::{Found, Source};

/// Install a capsule; shows what it asks for, or what is new, and asks
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A crate's folder (built first), a folder with Capsule.toml beside its component, or an archive
    #[arg(value_name = "DIR|FILE.capsule")]
    source: String,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
    /// For whom: events of the host itself reach it under this principal
    #[arg(long, default_value = "default", value_name = "P")]
    principal: String,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let owner = principal(&args.principal)?;
    let home = session.home()?;
    // Asked before anything is built for it.
    known_principal(&home, &owner)?;
    let source = Source::path(&args.source)?;
    let Found { package, at } = source.package(session, &home)?;
    for warning in package.warnings() {
        session.out.warning(warning);
    }
    let reached = session.reach(Install::HOLD)?;
    let name = package.manifest().name().clone();
    if !args.yes && !consent(session, &home, package.manifest())? {
        return Err(Failure::new(
            ErrorKind::Declined,
            format!("{name} is not installed"),
        ));
    }
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // Who installs it reads it once more, and takes nothing but what was agreed to.
    let ask = Install {
        capsule: name.clone(),
        from: absolute(&at),
        source: absolute(args.source.as_ref()).display().to_string(),
        owner: owner.clone(),
        component: package.hash().clone(),
        manifest: package.manifest_hash(),
    };
    let done = reached.ask(ask, &session.out)?;
    let version = &done.meta.version;
    let document = json!({
        "name": name, "version": version, "hash": done.meta.wasm_hash, "owner": owner.as_str(),
        "previous": done.previous,
    });
    let text = match &done.previous {
        Some(previous) if previous != version => {
            format!("{name} {version} is installed, in the place of {previous}")
        }
        Some(_) => format!("{name} {version} is installed again"),
        None => format!("{name} {version} is installed"),
    };
    session.out.result(&document, text);
    Ok(DONE)
}

/// Shows what the capsule asks for beyond what its installed version may, and asks; what asks for nothing new
/// needs no answer.
fn consent(session: &Session, home: &Home, manifest: &CapsuleManifest) -> Result<bool, Failure> {
    let before = Package::installed(home, manifest.name()).ok();
    let known = before
        .as_ref()
        .map(|package| asks(package.manifest()))
        .unwrap_or_default();
    let new: Vec<_> = asks(manifest)
        .into_iter()
        .filter(|ask| !known.contains(ask))
        .collect();
    let (name, version) = (manifest.name(), &manifest.package.version);
    if new.is_empty() && before.is_some() {
        return Ok(true);
    }
    let what = if before.is_some() {
        "asks for, which is new:"
    } else {
        "asks for:"
    };
    session
        .out
        .note(format!("{} {what}", bold(format!("{name} {version}"))));
    if new.is_empty() {
        session
            .out
            .note("  nothing: it computes, logs and reads its own configuration");
    }
    for ask in &new {
        session.out.note(format!("  {}", clean(ask)));
    }
    let answer = session.out.ask("Install it?").map_err(|error| {
        Failure::new(ErrorKind::Io, format!("the answer can't be read: {error}"))
    })?;
    answer.ok_or_else(|| {
        Failure::usage(format!(
            "installing {name} needs an answer, and there is no terminal to ask on"
        ))
        .hint("read what it asks for above, then pass --yes")
    })
}

/// What a manifest asks for, a line each.
fn asks(manifest: &CapsuleManifest) -> Vec<String> {
    let capabilities = serde_json::to_value(&manifest.capabilities).unwrap_or_default();
    let mut lines: Vec<String> = manifest
        .capabilities
        .held()
        .into_iter()
        .map(|name| format!("{name} = {}", capabilities[name]))
        .collect();
    lines.extend(
        manifest
            .publish
            .iter()
            .map(|entry| format!("to publish {}", entry.topic)),
    );
    lines.extend(manifest.subscribe.iter().map(|entry| match &entry.handler {
        Some(handler) => format!("to handle {} ({})", entry.topic, handler.action),
        None => format!("to hear {}", entry.topic),
    }));
    lines.extend(
        manifest
            .env
            .iter()
            .map(|(key, env)| format!("configuration {key} ({:?})", env.kind).to_lowercase()),
    );
    lines
}
