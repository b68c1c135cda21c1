//! `astrid install`.

use std::path::Path;
use std::process::ExitCode;

use astrid_host::control::requests::{Install, Storage, UnsetKey};
use astrid_host::home::Home;
use astrid_host::package::consent::{Consent, Kept};
use serde_json::json;

use crate::consent::{agreed, ask, resolved};
use crate::failure::{DONE, Failure};
use crate::session::{Session, known_principal, principal, shown};
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
    /// The owner, under whom events of the host itself reach it [default: the owner of the installed version, else
    /// default]
    #[arg(long, value_name = "P")]
    principal: Option<String>,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let owner = args.principal.as_deref().map(principal).transpose()?;
    let home = session.look()?;
    if let Some(owner) = &owner {
        known_principal(&home, owner)?;
    }
    let source = Source::path(&args.source)?;
    let from = resolved(args.source.as_ref()).display().to_string();
    let asked = match &source {
        Source::Crate(folder) => {
            let consent = Consent::before_building(&home, folder, &from, owner.as_ref())?;
            let consent = with_kept(session, consent);
            before_building(session, args, &home, folder, &consent)?;
            Some(consent)
        }
        _ => None,
    };
    let Found { package, at } = source.package(session, &home)?;
    for warning in package.warnings() {
        session.out.warning(warning);
    }
    let consent = Consent::of(&home, &package, &from, owner.as_ref())?;
    let consent = with_kept(session, consent);
    known_principal(&home, &consent.owner)?;
    let covered = asked.is_some_and(|asked| consent.is_covered_by(&asked));
    if args.yes {
        agreed(session, &consent);
    } else if !covered && consent.asks() {
        ask(session, &consent, "Install it?")?;
    }
    // The home is held from here on. What holds it reads all once more, and takes nothing but what was agreed to.
    let done = session.ask(Install {
        from: resolved(&at),
        consent: Box::new(consent.clone()),
        as_compared: !args.yes,
    })?;
    let (name, version) = (&consent.package.name, &done.meta.version);
    let document = json!({
        "name": name, "version": version, "hash": done.meta.wasm_hash, "owner": done.meta.owner,
        "previous": done.previous, "unset": done.unset,
    });
    let text = match &done.previous {
        Some(previous) if previous != version => {
            format!("{name} {version} is installed, in the place of {previous}")
        }
        Some(_) => format!("{name} {version} is installed again"),
        None => format!("{name} {version} is installed"),
    };
    session.out.result(&document, text);
    for UnsetKey { key, secret } in &done.unset {
        let (verb, value) = if *secret {
            ("secret", "")
        } else {
            ("env", " VALUE")
        };
        let principal = match done.meta.owner.as_deref() {
            None | Some("default") => String::new(),
            Some(owner) => format!(" --principal {owner}"),
        };
        session.out.say(format!(
            "{key} is not set: astrid {verb} set {name} {key}{value}{principal}"
        ));
    }
    Ok(DONE)
}

/// The same with the keys and values that were left under its name, if it is a stranger's.
fn with_kept(session: &Session, consent: Consent) -> Consent {
    if !consent.is_of_a_stranger() {
        return consent;
    }
    let name = &consent.package.name;
    let capsule = Some(name.clone());
    match session.ask(Storage { capsule }) {
        Ok(stored) => {
            let kept = stored.scopes.into_iter().map(|scope| Kept {
                principal: scope.principal,
                bytes: scope.bytes,
            });
            consent.with_kept(kept.collect())
        }
        // A damaged store keeps nobody from installing.
        Err(failure) => {
            session.out.warning(format!(
                "it is unknown which keys and values were left under the name {name}: {}",
                failure.message
            ));
            consent
        }
    }
}

/// Says that the crate's code runs here, and asks before it does: also if the manifest asks for nothing new.
fn before_building(
    session: &Session,
    args: &Args,
    home: &Home,
    folder: &Path,
    consent: &Consent,
) -> Result<(), Failure> {
    // Asked before anything is built for it.
    known_principal(home, &consent.owner)?;
    session.out.say(format!(
        "building {} runs its build scripts and macros, and those of its dependencies, on this machine with your rights",
        shown(folder)
    ));
    if args.yes {
        return Ok(());
    }
    ask(session, consent, "Build and install it?")
}
