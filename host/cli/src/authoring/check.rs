//! A manifest and a binary against each other: what `astrid check` says, and `astrid build` at its end.
//!
//! A pure comparison. A parsed manifest and an analysed binary enter, [`Finding`]s leave; nothing is read, built
//! or run. The binary is hostile, so what is quoted of it is escaped and cut, and the findings are bounded.

mod handlers;
mod imports;
mod prints;

use astrid_host::escape;
use astrid_host::exports::{Binary, EntryPoint};
use astrid_host::manifest::{CapsuleManifest, ComponentKind, Isolation};
use astrid_host::package::overrides;
use serde::Serialize;

pub use handlers::{publications_to_fix, subscribe_line, subscriptions_to_fix};
pub use prints::check_prints;

/// Bytes of a component above which a warning says so: 10 MiB, forty times what a large capsule in Rust has.
pub const LARGE: u64 = 10 << 20;
/// Findings about imports; a count stands for the rest.
const IMPORT_FINDINGS: usize = 32;
/// Characters that are shown of a name.
const SHOWN: usize = 80;

/// One thing that manifest and binary don't agree on, or that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, where, and what follows from it.
    pub message: String,
    /// The line or lines for Capsule.toml that put it right; which table they belong to is in the message.
    pub fix: Option<String>,
    /// Whether `astrid build --fix` puts it right: it does where the source says what belongs there, and leaves to
    /// the author what the capsule may do.
    pub fixable: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A host refuses the capsule, or it doesn't do what its source or its manifest says.
    Error,
    /// It works, but not all of it, or it asks for more than it needs.
    Warning,
}

impl Finding {
    fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            fix: None,
            fixable: false,
        }
    }

    fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    fn fixed_by(mut self, line: impl Into<String>) -> Self {
        self.fix = Some(line.into());
        self
    }

    fn fixable(mut self, fixable: bool) -> Self {
        self.fixable = fixable;
        self
    }
}

/// Everything that is to be said of this manifest with this binary, errors first. The binary is as
/// [`analyse`](astrid_host::exports::analyse) judged it, before [`Binary::with_overrides`]: what the manifest says of entry
/// points is compared with what the bytes say. Deprecated forms are not in here: the manifest's own warnings tell of them.
pub fn check(manifest: &CapsuleManifest, binary: &Binary) -> Vec<Finding> {
    let mut findings = handlers::check(manifest, binary);
    findings.extend(entry_points(manifest, binary));
    findings.extend(shared_memory(manifest, binary));
    findings.extend(imports::check(manifest, binary));
    findings.extend(size(binary));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn size(binary: &Binary) -> Option<Finding> {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    (binary.size > LARGE).then(|| {
        Finding::warning(format!(
            "the component has {} MiB, more than {}: it is slow to install and to compile; data that it carries is \
             better kept in assets/",
            mib(binary.size),
            mib(LARGE),
        ))
    })
}

/// What the manifest says of entry points, and entry points that do nothing.
fn entry_points(manifest: &CapsuleManifest, binary: &Binary) -> Vec<Finding> {
    let mut findings = Vec::new();
    let found = |entry| binary.entry_points.get(&entry);
    for (entry, said) in overrides(&manifest.runtime) {
        // Each that can be overridden has a key.
        let key = entry.manifest_key().unwrap_or_default();
        match (said, found(entry)) {
            (true, None) => findings.push(Finding::error(format!(
                "[runtime] says {key} = true, and the component doesn't export `{entry}`: remove the line, or write \
                 #[astrid::{key}]",
            ))),
            (true, Some(judgement)) if !judgement.real => {
                findings.push(Finding::warning(format!(
                    "[runtime] says {key} = true, and `{entry}` looks like a stub: {}",
                    judgement.why
                )));
            }
            (false, Some(judgement)) if judgement.real && binary.sdk.is_some() => {
                findings.push(Finding::warning(format!(
                    "[runtime] says {key} = false: what #[astrid::{key}] marks is never called",
                )));
            }
            _ => {}
        }
    }
    let hook = EntryPoint::HookTrigger;
    if found(hook).is_none() && wants_hooks(manifest, binary) {
        findings.push(Finding::error(format!(
            "it has handlers, and the component doesn't export `{hook}`: none of them can be called"
        )));
    }
    let executable = |kind| kind == ComponentKind::Executable;
    let kind = manifest.component.as_ref().map(|component| component.kind);
    if binary.entry_points.is_empty() && kind.is_none_or(executable) {
        findings.push(Finding::warning(
            "the component exports no entry point: a host has nothing to call in it",
        ));
    }
    // The manifest's to decide; judged above where it did.
    let decided = |entry| overrides(&manifest.runtime).any(|(said, _)| said == entry);
    let stubs: Vec<String> = binary
        .entry_points
        .iter()
        .filter(|(entry, judgement)| !judgement.real && !decided(**entry))
        .map(|(entry, judgement)| format!("`{entry}` ({})", judgement.why))
        .collect();
    if !stubs.is_empty() {
        findings.push(Finding::warning(format!(
            "exported, but stubs of the toolchain, which are not called: {}",
            stubs.join(", ")
        )));
    }
    findings
}

/// Where guest memory meets several principals: nothing that a host forbids, and nothing to be overlooked.
fn shared_memory(manifest: &CapsuleManifest, binary: &Binary) -> Vec<Finding> {
    let mut findings = Vec::new();
    if manifest.runtime.isolation == Isolation::Shared {
        findings.push(Finding::warning(
            "[runtime] says isolation = \"shared\": its memory passes from one principal to another",
        ));
    }
    let run = manifest.runtime.run;
    let has_run = binary.entry_points.contains_key(&EntryPoint::Run);
    if has_run && run.unwrap_or_else(|| binary.is_real(EntryPoint::Run)) {
        findings.push(Finding::warning(
            "its run loop is one instance that hears all principals",
        ));
    }
    findings
}

fn wants_hooks(manifest: &CapsuleManifest, binary: &Binary) -> bool {
    let declared = binary
        .handlers
        .as_ref()
        .is_some_and(|handlers| !handlers.is_empty());
    declared
        || manifest.handlers().next().is_some()
        || !manifest.tools.is_empty()
        || !manifest.cron.is_empty()
}

/// A name between backticks, escaped and cut: it may come from the binary.
fn quoted(name: &str) -> String {
    escape::quoted(name, SHOWN)
}

#[cfg(test)]
mod testing {
    //! A helper for the tests of this room's parts: one line of manifest, one of binary, the findings as text.

    use std::collections::BTreeMap;

    use astrid_host::exports::{HandlerDecl, Judgement};

    use super::*;

    /// A manifest with this below its `[package]`.
    pub(super) fn manifest(rest: &str) -> CapsuleManifest {
        let text = format!("[package]\nname = \"demo\"\nversion = \"1.0.0\"\n{rest}");
        CapsuleManifest::parse(&text, "Capsule.toml")
            .expect("a manifest")
            .manifest
    }

    /// A binary of our SDK with this hook entry point and these handlers, `action`, `action topic` or the same and
    /// a JSON object of what else is declared.
    pub(super) fn binary(handlers: &[&str]) -> Binary {
        let hook = Judgement {
            real: true,
            why: "listed".into(),
        };
        Binary {
            size: 14_000,
            sdk: Some("1.0.0".into()),
            imports: Vec::new(),
            import_functions: BTreeMap::new(),
            entry_points: BTreeMap::from([(EntryPoint::HookTrigger, hook)]),
            handlers: Some(handlers.iter().map(|handler| decl(handler)).collect()),
        }
    }

    pub(super) fn decl(text: &str) -> HandlerDecl {
        let mut parts = text.splitn(3, ' ');
        let mut next = || parts.next().map(str::to_owned);
        let (action, topic) = (next().unwrap_or_default(), next());
        let rest: serde_json::Value =
            serde_json::from_str(&next().unwrap_or("{}".into())).expect("an object");
        let text = |key: &str| rest[key].as_str().map(str::to_owned);
        HandlerDecl {
            action,
            topic,
            priority: rest["priority"].as_u64().map(|n| n as u32),
            on_error: text("on_error"),
            mode: text("mode"),
        }
    }

    /// The findings, each as `error: message` with ` | fix` behind it.
    pub(super) fn said(manifest: &CapsuleManifest, binary: &Binary) -> Vec<String> {
        let line = |finding: Finding| {
            let severity = serde_json::to_value(finding.severity).expect("a word");
            let fix = finding
                .fix
                .map_or_else(String::new, |fix| format!(" | {fix}"));
            format!(
                "{}: {}{fix}",
                severity.as_str().unwrap_or_default(),
                finding.message
            )
        };
        check(manifest, binary).into_iter().map(line).collect()
    }

    /// Exactly these findings, each beginning and ending as told (`begin … end`).
    #[track_caller]
    pub(super) fn expect(manifest: &CapsuleManifest, binary: &Binary, wanted: &[&str]) {
        let said = said(manifest, binary);
        let fits = |(said, wanted): (&String, &&str)| {
            let (begin, end) = wanted.split_once(" … ").unwrap_or((wanted, ""));
            said.starts_with(begin) && said.ends_with(end)
        };
        assert!(
            said.len() == wanted.len() && said.iter().zip(wanted).all(fits),
            "said {said:#?}, wanted {wanted:#?}"
        );
    }
}

#[cfg(test)]
mod tests {
    use astrid_host::exports::Judgement;

    use super::testing::{binary, expect, manifest};
    use super::*;

    fn with(entry: EntryPoint, real: bool) -> Binary {
        let mut binary = binary(&[]);
        let why = if real { "it logs" } else { "it does nothing" }.into();
        binary.entry_points.insert(entry, Judgement { real, why });
        binary
    }

    #[test]
    fn nothing_to_say_of_a_capsule_that_agrees() {
        expect(&manifest(""), &binary(&["greet"]), &[]);
    }

    #[test]
    fn a_run_loop_that_the_manifest_invents() {
        expect(
            &manifest("[runtime]\nrun = true"),
            &binary(&[]),
            &["error: [runtime] says run = true, and the component doesn't export `run`"],
        );
    }

    #[test]
    fn a_run_loop_that_looks_like_a_stub() {
        expect(
            &manifest("[runtime]\nrun = true"),
            &with(EntryPoint::Run, false),
            &[
                "warning: [runtime] says run = true, and `run` looks like a stub … it does nothing",
                "warning: its run loop is one instance",
            ],
        );
    }

    #[test]
    fn a_run_loop_that_the_manifest_keeps_from_running() {
        expect(
            &manifest("[runtime]\nrun = false"),
            &with(EntryPoint::Run, true),
            &["warning: [runtime] says run = false"],
        );
        let mut published = with(EntryPoint::Run, true);
        (published.sdk, published.handlers) = (None, None);
        expect(&manifest("[runtime]\nrun = false"), &published, &[]);
    }

    #[test]
    fn hooks_that_the_manifest_decides_on() {
        expect(
            &manifest("[runtime]\ninstall = true\nupgrade = true"),
            &with(EntryPoint::Install, false),
            &[
                "error: [runtime] says upgrade = true, and the component doesn't export `astrid-upgrade`",
                "warning: [runtime] says install = true, and `astrid-install` looks like a stub",
            ],
        );
        expect(
            &manifest("[runtime]\ninstall = false"),
            &with(EntryPoint::Install, true),
            &[
                "warning: [runtime] says install = false: what #[astrid::install] marks is never called",
            ],
        );
    }

    #[test]
    fn stubs_are_named_with_the_reason() {
        expect(
            &manifest(""),
            &with(EntryPoint::Install, false),
            &["warning: exported, but stubs of the … `astrid-install` (it does nothing)"],
        );
        expect(
            &manifest("[runtime]\nrun = false"),
            &with(EntryPoint::Run, false),
            &[],
        );
    }

    #[test]
    fn handlers_without_their_entry_point() {
        let mut binary = binary(&[]);
        binary.handlers = None;
        binary.entry_points.clear();
        expect(
            &manifest("[subscribe]\n\"a.b\" = { handler = \"h\" }"),
            &binary,
            &[
                "error: it has handlers, and",
                "warning: the component exports no entry point",
            ],
        );
    }

    #[test]
    fn a_library_needs_no_entry_point() {
        let mut binary = binary(&[]);
        binary.entry_points.clear();
        expect(&manifest("[[component]]\ntype = \"library\""), &binary, &[]);
        expect(
            &manifest(""),
            &binary,
            &["warning: the component exports no entry point"],
        );
    }

    #[test]
    fn memory_that_several_principals_meet_in() {
        expect(
            &manifest("[runtime]\nisolation = \"shared\""),
            &with(EntryPoint::Run, true),
            &[
                "warning: [runtime] says isolation = \"shared\"",
                "warning: its run loop is one instance",
            ],
        );
        expect(
            &manifest("[runtime]\nisolation = \"call\""),
            &binary(&[]),
            &[],
        );
    }

    #[test]
    fn a_large_component() {
        let mut large = binary(&[]);
        large.size = LARGE;
        expect(&manifest(""), &large, &[]);
        large.size += 1;
        expect(
            &manifest(""),
            &large,
            &["warning: the component has 11 MiB, more than 10"],
        );
    }

    #[test]
    fn what_the_binary_says_is_escaped_and_cut() {
        assert_eq!(quoted("a\u{1b}[31m\n"), "`a\\u{1b}[31m\\n`");
        assert_eq!(quoted(&"x".repeat(1_000)).chars().count(), SHOWN + 3);
    }
}
