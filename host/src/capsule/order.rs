//! In which order capsules are loaded: each after those that export what it imports.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{CapsuleManifest, CapsuleName, Export, Import};

/// An order, and what stands in its way.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LoadOrder {
    /// Those that can be loaded, in order; by name where their imports leave it open.
    pub names: Vec<CapsuleName>,
    /// Those that import from each other in a circle, by name.
    pub circular: Vec<CapsuleName>,
    /// Imports that aren't optional and that nobody exports, as `namespace:interface requirement`.
    pub missing: Vec<(CapsuleName, String)>,
}

/// Orders capsules by their `[imports]` and `[exports]`.
pub fn load_order<'a>(manifests: impl IntoIterator<Item = &'a CapsuleManifest>) -> LoadOrder {
    let all: BTreeMap<&CapsuleName, &CapsuleManifest> = manifests
        .into_iter()
        .map(|manifest| (manifest.name(), manifest))
        .collect();
    let mut order = LoadOrder::default();
    let mut after: BTreeMap<&CapsuleName, BTreeSet<&CapsuleName>> = BTreeMap::new();
    for (name, manifest) in &all {
        let before = after.entry(name).or_default();
        for import in &manifest.imports {
            let offered =
                |other: &CapsuleManifest| other.exports.iter().any(|export| fits(import, export));
            let exporters = all.iter().filter(|(_, other)| offered(other));
            let exporters: BTreeSet<_> = exporters.map(|(other, _)| *other).collect();
            if exporters.is_empty() && !import.optional {
                let wanted = format!(
                    "{}:{} {}",
                    import.namespace, import.interface, import.version
                );
                order.missing.push(((*name).clone(), wanted));
            }
            // What it exports itself it need not wait for.
            if !exporters.contains(name) {
                before.extend(exporters);
            }
        }
    }
    order.circular = circle(&after).into_iter().cloned().collect();
    for name in &order.circular {
        after.remove(name);
    }
    // Who imports from the circle is loaded all the same: it is for its own to say what it can't do without.
    for before in after.values_mut() {
        before.retain(|name| !order.circular.contains(name));
    }
    while let Some(next) = first_free(&after) {
        after.remove(next);
        for before in after.values_mut() {
            before.remove(next);
        }
        order.names.push(next.clone());
    }
    order
}

fn fits(import: &Import, export: &Export) -> bool {
    import.namespace == export.namespace
        && import.interface == export.interface
        && import.version.matches(&export.version)
}

fn first_free<'a>(
    after: &BTreeMap<&'a CapsuleName, BTreeSet<&'a CapsuleName>>,
) -> Option<&'a CapsuleName> {
    let mut free = after.iter().filter(|(_, before)| before.is_empty());
    free.next().map(|(name, _)| *name)
}

/// Those that are left when everybody is taken away who waits for nobody, or for whom nobody waits.
fn circle<'a>(
    after: &BTreeMap<&'a CapsuleName, BTreeSet<&'a CapsuleName>>,
) -> BTreeSet<&'a CapsuleName> {
    let mut left: BTreeSet<&CapsuleName> = after.keys().copied().collect();
    loop {
        let waits = |name: &&CapsuleName| after[*name].iter().any(|other| left.contains(other));
        let awaited = |name: &&CapsuleName| left.iter().any(|other| after[*other].contains(*name));
        let kept: BTreeSet<_> = left
            .iter()
            .copied()
            .filter(|name| waits(name) && awaited(name))
            .collect();
        if kept.len() == left.len() {
            return kept;
        }
        left = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, imports: &[&str], exports: &[&str]) -> CapsuleManifest {
        let lines = |list: &[&str], version: &str| {
            let lines = list
                .iter()
                .map(|name| format!("\"test:{name}\" = \"{version}\"\n"));
            lines.collect::<String>()
        };
        let text = format!(
            "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n[imports]\n{}[exports]\n{}",
            lines(imports, "^1.0"),
            lines(exports, "1.2.0"),
        );
        let parsed = CapsuleManifest::parse(&text, "Capsule.toml");
        parsed.expect("a manifest").manifest
    }

    fn order(manifests: &[CapsuleManifest]) -> (String, String, String) {
        let order = load_order(manifests);
        let joined = |names: &[CapsuleName]| {
            let names: Vec<_> = names.iter().map(CapsuleName::as_str).collect();
            names.join(" ")
        };
        let missing = order
            .missing
            .iter()
            .map(|(name, wanted)| format!("{name} wants {wanted}"));
        (
            joined(&order.names),
            joined(&order.circular),
            missing.collect::<Vec<_>>().join(", "),
        )
    }

    fn expected(names: &str, circular: &str, missing: &str) -> (String, String, String) {
        (names.into(), circular.into(), missing.into())
    }

    #[test]
    fn who_imports_comes_after_all_who_export_it() {
        let all = [
            manifest("a", &["x"], &[]),
            manifest("b", &[], &[]),
            manifest("c", &["y"], &["x"]),
            manifest("d", &[], &["y"]),
            manifest("e", &[], &["x"]),
        ];
        assert_eq!(order(&all), expected("b d c e a", "", ""));
    }

    #[test]
    fn what_nobody_exports_is_reported_and_holds_nobody_up() {
        let all = [manifest("a", &["x"], &[]), manifest("b", &[], &["y"])];
        assert_eq!(order(&all), expected("a b", "", "a wants test:x ^1.0"));
    }

    #[test]
    fn a_circle_is_told_and_those_around_it_are_loaded() {
        let all = [
            manifest("a", &["x"], &["y"]),
            manifest("b", &["y"], &["x"]),
            manifest("behind", &["x"], &[]),
            manifest("before", &[], &["z"]),
            manifest("self", &["own"], &["own"]),
        ];
        assert_eq!(order(&all), expected("before behind self", "a b", ""));
    }
}
