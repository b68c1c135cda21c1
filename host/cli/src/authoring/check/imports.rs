//! Imports: those that the host doesn't offer, and capabilities that are missing or not needed.

use std::collections::{BTreeMap, BTreeSet};

use astrid_host::domain;
use astrid_host::exports::{Binary, EntryPoint};
use astrid_host::manifest::{self, Capability, CapsuleManifest, Evidence};
use astrid_host::policy::contract::{Interface, Offered};
use astrid_host::policy::gate::{Access, Gate, List, Missing, Needs, Subject};
use astrid_host::policy::imports::{self, ImportError};

use super::{Finding, IMPORT_FINDINGS, quoted};

/// Everything that is to be said of imports.
pub(super) fn check(manifest: &CapsuleManifest, binary: &Binary) -> Vec<Finding> {
    let mut refused = binary
        .imports
        .iter()
        .filter_map(|import| refusal(binary, import));
    let mut findings: Vec<Finding> = refused.by_ref().take(IMPORT_FINDINGS).collect();
    let more = refused.count();
    if more > 0 {
        findings.push(Finding::error(format!(
            "{more} more imports that this host doesn't offer"
        )));
    }
    let taken = taken(binary);
    findings.extend(missing(manifest, binary, &taken));
    findings.extend(unused(manifest, binary, &taken));
    findings.extend(embedders(manifest));
    findings
}

/// The interface of an import, whatever its version.
fn interface(import: &str) -> Option<&'static Interface> {
    let name = import.split_once('@').map_or(import, |(name, _)| name);
    let (Offered::Contract(interface) | Offered::Custom(interface)) =
        domain::contract().interface(name)?;
    Some(interface)
}

fn functions<'a>(binary: &'a Binary, import: &str) -> &'a [String] {
    binary
        .import_functions
        .get(import)
        .map_or(&[], Vec::as_slice)
}

/// Why a host can't link this import.
fn refusal(binary: &Binary, import: &str) -> Option<Finding> {
    let error =
        imports::check_offered(import, functions(binary, import), &domain::contract()).err()?;
    let said = format!("{error}: {}", error.hint());
    // An embedder may offer what isn't in the contract.
    let foreign = matches!(error, ImportError::Unknown { .. });
    Some(if foreign {
        Finding::warning(said)
    } else {
        Finding::error(said)
    })
}

/// The functions of the contract that the binary takes, each with its gate.
fn taken(binary: &Binary) -> Vec<(&'static str, Gate)> {
    let mut taken = Vec::new();
    for import in &binary.imports {
        let names: BTreeSet<&str> = functions(binary, import)
            .iter()
            .map(String::as_str)
            .collect();
        let known = interface(import).map_or(&[][..], |interface| interface.functions);
        taken.extend(known.iter().filter(|(name, _)| names.contains(name)));
    }
    taken
}

/// Functions that are there to be called and would deny every call, together with what they lack.
fn missing(
    manifest: &CapsuleManifest,
    binary: &Binary,
    taken: &[(&'static str, Gate)],
) -> Vec<Finding> {
    let lifecycle = binary.is_real(EntryPoint::Install) || binary.is_real(EntryPoint::Upgrade);
    let mut denied: BTreeMap<(String, Option<String>), BTreeSet<&str>> = BTreeMap::new();
    for (name, gate) in taken {
        let lacking = match (gate.check(&manifest.capabilities), gate.list()) {
            (Err(Missing(capability)), _) => {
                let why = format!(
                    "the capability `{capability}` is missing, so every call is denied; add to [capabilities]"
                );
                Some((why, Some(capability.line())))
            }
            (Ok(()), Some(List::Publish)) if manifest.publish.is_empty() => Some((
                "[publish] names no topic: nothing can be published".to_owned(),
                None,
            )),
            (Ok(()), Some(List::Subscribe)) if manifest.subscribe.is_empty() => Some((
                "[subscribe] names no topic: nothing can be heard".to_owned(),
                None,
            )),
            (Ok(()), _) if gate.lifecycle_only() && !lifecycle => Some((
                "it has no install or upgrade hook, where alone that works".to_owned(),
                None,
            )),
            (Ok(()), _) => ungranted(manifest, gate).map(|access| {
                let why = "no path is granted, so it works on tmp:// alone; add to [capabilities]";
                let capability = Capability::find(access.capability());
                (why.to_owned(), capability.map(Capability::line))
            }),
        };
        if let Some(lacking) = lacking {
            denied.entry(lacking).or_default().insert(name);
        }
    }
    let finding = |((why, fix), names): ((String, Option<String>), BTreeSet<&str>)| {
        let names: Vec<String> = names.into_iter().map(quoted).collect();
        Finding {
            fix,
            ..Finding::warning(format!("it imports {}, and {why}", names.join(", ")))
        }
    };
    denied.into_iter().map(finding).collect()
}

/// What a function does with its paths for which the manifest grants none.
fn ungranted(manifest: &CapsuleManifest, gate: &Gate) -> Option<Access> {
    let grants = |access| match access {
        Access::Read => &manifest.capabilities.fs_read,
        Access::Write => &manifest.capabilities.fs_write,
    };
    let is_missing = |access: &Access| grants(*access).is_empty();
    match gate.subject() {
        // As it is opened: any grant will do.
        Some(Subject::Paths([])) => {
            let both = [Access::Read, Access::Write];
            both.iter().all(is_missing).then_some(Access::Read)
        }
        Some(Subject::Paths(accesses)) => {
            accesses.iter().copied().find(|access| is_missing(access))
        }
        _ => None,
    }
}

/// Capabilities that nothing in the binary could make use of.
fn unused(
    manifest: &CapsuleManifest,
    binary: &Binary,
    taken: &[(&'static str, Gate)],
) -> Option<Finding> {
    let imports = |prefix: &str| {
        binary
            .imports
            .iter()
            .any(|import| import.starts_with(prefix))
    };
    let asked_for = |key| {
        let needs = |gate: &Gate| match gate.needs() {
            Needs::All(names) | Needs::Any(names) => names.contains(&key),
            Needs::Nothing => false,
        };
        let grants = |gate: &Gate| match gate.subject() {
            Some(Subject::Paths([])) => matches!(key, "fs_read" | "fs_write"),
            Some(Subject::Paths(accesses)) => {
                accesses.iter().any(|access| access.capability() == key)
            }
            _ => false,
        };
        taken.iter().any(|(_, gate)| needs(gate) || grants(gate))
    };
    let publishes = || {
        taken
            .iter()
            .any(|(_, gate)| gate.list() == Some(List::Publish))
    };
    let used = |capability: &Capability| match capability.evidence {
        Evidence::Gate => asked_for(capability.key),
        Evidence::GateOrPublish => asked_for(capability.key) || publishes(),
        Evidence::Import(prefix) => imports(prefix),
        Evidence::None => true,
    };
    let held = manifest.capabilities.held();
    let own = held.iter().filter_map(|name| Capability::find(name));
    let unused: Vec<String> = own
        .filter(|capability| !used(capability))
        .map(|capability| quoted(capability.key))
        .collect();
    (!unused.is_empty()).then(|| {
        Finding::warning(format!(
            "[capabilities] asks for {}, and no function that needs it is imported: leave it out",
            unused.join(", ")
        ))
    })
}

/// What is asked of the domains of embedders, which only a host that has them can judge.
fn embedders(manifest: &CapsuleManifest) -> impl Iterator<Item = Finding> {
    manifest.capabilities.custom.keys().map(|namespace| {
        Finding::warning(format!(
            "{} asks for what an embedder's domain declares, which cannot be judged here: a host without the domain \
             {} refuses the capsule",
            manifest::namespace_table(namespace),
            quoted(namespace)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{binary, expect, manifest};
    use super::*;

    /// The findings about these imports, each `instance function function …`.
    #[track_caller]
    fn case(rest: &str, imports: &[&str], wanted: &[&str]) {
        let mut binary = binary(&[]);
        for import in imports {
            let mut words = import.split(' ').map(str::to_owned);
            let instance = words.next().expect("an instance");
            binary.imports.push(instance.clone());
            binary.import_functions.insert(instance, words.collect());
        }
        expect(&manifest(rest), &binary, wanted);
    }

    /// The same without what this host doesn't serve yet.
    #[track_caller]
    fn gate(rest: &str, import: &str, wanted: &[&str]) {
        let unserved = format!(
            "error: it imports `{}`",
            import.split(' ').next().unwrap_or_default()
        );
        case(rest, &[import], &[&[unserved.as_str()], wanted].concat());
    }

    #[test]
    fn what_is_served_needs_no_word() {
        case(
            "",
            &["astrid:sys/host@1.0.0 log", "astrid:guest/lifecycle@1.0.0"],
            &[],
        );
    }

    #[test]
    fn what_is_not_offered_is_told_apart() {
        case(
            "",
            &["astrid:sys/host@1.9.0 log"],
            &["error: it imports `astrid:sys/host@1.9.0`, and this host serves it in 1.0.0"],
        );
        case(
            "",
            &["astrid:sys/host@1.0.0 shout"],
            &["error: it imports the function `shout` of `astrid:sys/host@1.0.0`, which has none"],
        );
        case(
            "",
            &["astrid:nowhere/host@1.0.0 go"],
            &[
                "error: it imports `astrid:nowhere/host@1.0.0`, which no version of the contract has",
            ],
        );
        case(
            "",
            &["wasi:cli/environment@0.2.0 x"],
            &["error: it imports `wasi:cli/environment@0.2.0`, and this host offers no WASI"],
        );
        case(
            "",
            &["acme:billing/host@1.0.0 charge"],
            &[
                "warning: it imports `acme:billing/host@1.0.0`, which is unknown to this host: a host whose embedder",
            ],
        );
    }

    #[test]
    fn many_refusals_are_counted() {
        let imports: Vec<String> = (0..40).map(|n| format!("wasi:x/y{n} f")).collect();
        let imports: Vec<&str> = imports.iter().map(String::as_str).collect();
        let mut wanted = vec!["error: it imports `wasi:"; IMPORT_FINDINGS];
        wanted.push("error: 8 more imports");
        case("", &imports, &wanted);
    }

    #[test]
    fn a_missing_capability_is_told_with_its_line() {
        gate(
            "",
            "astrid:http/host@1.1.0 http-request-opts http-request",
            &[
                r#"warning: it imports `http-request`, `http-request-opts`, and the capability `net` is missing … | net = ["example.com"]"#,
            ],
        );
    }

    #[test]
    fn a_capability_that_is_held_and_needed() {
        gate(
            "[capabilities]\nnet = [\"a.example\"]",
            "astrid:http/host@1.1.0 http-request",
            &[],
        );
        case(
            "[capabilities]\nfs_read = [\"*\"]",
            &["astrid:fs/host@1.0.0 fs-open"],
            &[],
        );
    }

    #[test]
    fn without_a_grant_there_is_only_the_temporary_folder() {
        case(
            "[capabilities]\nfs_read = [\"*\"]",
            &["astrid:fs/host@1.0.0 fs-open fs-copy fs-stat"],
            &[
                r#"warning: it imports `fs-copy`, and no path is granted … | fs_write = ["workspace://"]"#,
            ],
        );
        case(
            "",
            &["astrid:fs/host@1.0.0 fs-open"],
            &[
                r#"warning: it imports `fs-open`, and no path is granted … | fs_read = ["workspace://"]"#,
            ],
        );
    }

    #[test]
    fn only_what_is_missing_of_several() {
        gate(
            "[capabilities]\nhost_process = [\"git\"]",
            "astrid:process/host@1.0.0 spawn-persistent",
            &["warning:  … | allow_persistent = true"],
        );
    }

    #[test]
    fn a_capability_that_nothing_needs() {
        case(
            "[capabilities]\nnet = [\"*\"]\nkv = [\"*\"]\nwasi = true\nallow_prompt_injection = true",
            &["astrid:sys/host@1.0.0 log"],
            &["warning: [capabilities] asks for `kv`, `net`, `wasi`, and no function"],
        );
    }

    #[test]
    fn what_an_embedders_domain_declares_is_not_judged() {
        case(
            "[capabilities.\"acme:billing\"]\ncharge = true\n[capabilities.\"acme:mail\"]",
            &[],
            &[
                "warning: [capabilities.\"acme:billing\"] asks for … without the domain `acme:billing` refuses the capsule",
                "warning: [capabilities.\"acme:mail\"] asks for … without the domain `acme:mail` refuses the capsule",
            ],
        );
    }

    #[test]
    fn an_uplink_may_only_publish() {
        let rest =
            "[publish]\n\"astrid.v1.approval.response.*\" = \"any\"\n[capabilities]\nuplink = true";
        case(rest, &["astrid:ipc/host@1.0.0 publish"], &[]);
    }

    #[test]
    fn publishing_and_hearing_need_topics() {
        case(
            "",
            &["astrid:ipc/host@1.0.0 publish subscribe"],
            &[
                "warning: it imports `publish`, and [publish]",
                "warning: it imports `subscribe`, and [subscribe]",
            ],
        );
        case(
            "[publish]\n\"a.b\" = \"any\"",
            &["astrid:ipc/host@1.0.0 publish"],
            &[],
        );
    }

    #[test]
    fn elicit_needs_a_hook_to_be_called_in() {
        case(
            "",
            &["astrid:elicit/host@1.0.0 elicit"],
            &["warning: it imports `elicit`, and it has no install"],
        );
    }
}
