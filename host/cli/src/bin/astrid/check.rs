//! `astrid check`, and the check that ends a build.

use std::path::Path;
use std::process::ExitCode;

use astrid_cli::authoring::{
    Built, Finding, Severity, check, check_prints, fix_manifest, publications_to_fix,
    subscriptions_to_fix,
};
use astrid_host::control::requests::{Examine, Examined};
use astrid_host::exports::Binary;
use astrid_host::manifest::CapsuleManifest;
use astrid_host::package::{MANIFEST, PackageError};
use astrid_host::{Package, escape};
use serde_json::json;

use crate::consent::Compared;
use crate::failure::{DONE, Failure};
use crate::output::severity;
use crate::session::{Session, shown};
use crate::sources::Source;

/// Compare a capsule's manifest, exports and imports with each other
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A crate's folder (built first, as cargo does), an installed capsule, or a folder with Capsule.toml beside its component
    #[arg(value_name = "DIR", default_value = ".")]
    target: String,
    /// Take the component of a crate's last build, and run nothing of the crate
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.look()?;
    let mut compared = Compared::nothing();
    let mut printing = None;
    let examined = match Source::find(&home, &args.target)? {
        Source::Installed(capsule) => session.ask(Examine { capsule })?,
        source => {
            let found = if args.no_build {
                source.as_it_is(session, &home)?
            } else {
                source.package(session, &home)?
            };
            let package = found.package;
            compared = Compared::of(&home, &package, &args.target)?;
            printing = check_prints(package.component());
            Examined::of(&package)?
        }
    };
    let parsed =
        CapsuleManifest::parse(&examined.manifest, MANIFEST).map_err(PackageError::from)?;
    let manifest = parsed.manifest;
    let mut findings = check(&manifest, &examined.binary);
    findings.extend(printing);
    let broken = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let mut lines: Vec<_> = examined
        .deprecated
        .iter()
        .map(|warning| {
            let word = severity(Severity::Warning);
            format!("{word}: {}", escape::lines(&warning.to_string()))
        })
        .collect();
    lines.extend(findings.iter().map(|finding| {
        let word = severity(finding.severity);
        format!("{word}: {}", shown_finding(finding))
    }));
    if lines.is_empty() {
        lines.push("manifest, exports and imports agree".into());
    }
    let document = json!({
        "name": manifest.name(), "version": manifest.package.version.to_string(), "ok": !broken,
        "deprecated": examined.deprecated, "findings": findings, "compared": compared.document,
    });
    lines.extend(compared.lines);
    session.out.result(&document, lines.join("\n"));
    if findings.iter().any(|finding| finding.fixable) {
        session.out.note(FIX);
    }
    Ok(if broken { ExitCode::FAILURE } else { DONE })
}

/// Checks what was just built, writes the missing lines if asked to, and shows what is left.
pub(crate) fn against_manifest(
    session: &Session,
    folder: &Path,
    built: &Built,
    binary: &Binary,
    fix: bool,
) -> Result<Vec<Finding>, Failure> {
    let mut package = Package::from_build(folder, built.component_bytes.clone())?;
    if fix {
        let heard = subscriptions_to_fix(package.manifest(), binary);
        let published = publications_to_fix(package.manifest(), binary);
        if !heard.is_empty() || !published.is_empty() {
            let path = folder.join(MANIFEST);
            fix_manifest(&path, &heard, &published)?;
            for (count, table) in [(heard.len(), "subscribe"), (published.len(), "publish")] {
                let lines = if count == 1 { "line" } else { "lines" };
                if count > 0 {
                    let path = shown(&path);
                    let written = format!("{path}: {count} {lines} of [{table}] written");
                    session.out.note(written);
                }
            }
            package = Package::from_build(folder, built.component_bytes.clone())?;
        }
    }
    for warning in package.warnings() {
        session.out.warning(warning);
    }
    let mut findings = check(package.manifest(), binary);
    findings.extend(check_prints(package.component()));
    for finding in &findings {
        session
            .out
            .finding(finding.severity, shown_finding(finding));
    }
    if findings.iter().any(|finding| finding.fixable) {
        session.out.note(FIX);
    }
    Ok(findings)
}

/// What a check is ended with that found something fixable.
const FIX: &str = "astrid build --fix writes what is missing in [subscribe] or differs there";

fn shown_finding(finding: &Finding) -> String {
    let message = escape::lines(&finding.message);
    match &finding.fix {
        Some(fix) => format!("{message}\n  {}", escape::lines(fix).replace('\n', "\n  ")),
        None => message,
    }
}
