//! `[imports]` and `[exports]`.
//!
//! An entry is `"ns:iface" = …`, or `iface = …` in a table named after the namespace.

use super::legacy::Legacy;
use super::limits;
use super::model::{Export, Import};
use super::patterns::interface_part;
use super::reader::{Entry, Table, Value};
use super::values::{requirement, version};

/// Reads `[imports]`.
pub(super) fn imports<'a>(root: &'a Table<'a>) -> Vec<Import> {
    let mut imports: Vec<Import> = Vec::new();
    each(root, "imports", None, &mut |namespace, interface, entry| {
        let known = imports
            .iter()
            .any(|import| import.namespace == namespace && import.interface == interface);
        if known {
            entry.key_error(format!("`{namespace}:{interface}` is imported twice"), None);
        }
        if let Some((version, optional)) = import(entry.value) {
            let (namespace, interface) = (namespace.to_owned(), interface.to_owned());
            imports.push(Import {
                namespace,
                interface,
                version,
                optional,
            });
        }
    });
    imports
}

fn import(value: Value<'_>) -> Option<(semver::VersionReq, bool)> {
    if value.raw().is_str() {
        return Some((value.check(requirement)?, false));
    }
    if !value.raw().is_table() {
        return value.wrong_type("a version requirement or a table", None);
    }
    let table = &value.table()?;
    table.only(&["version", "optional"], &[]);
    let optional = table
        .get("optional")
        .and_then(|value| value.flag())
        .unwrap_or(false);
    let version = table
        .required("version")
        .and_then(|value| value.check(requirement))?;
    Some((version, optional))
}

/// Reads `[exports]`.
pub(super) fn exports<'a>(root: &'a Table<'a>, legacy: &mut Legacy) -> Vec<Export> {
    let mut exports: Vec<Export> = Vec::new();
    each(
        root,
        "exports",
        Some(legacy),
        &mut |namespace, interface, entry| {
            let known = exports
                .iter()
                .any(|export| export.namespace == namespace && export.interface == interface);
            if known {
                entry.key_error(format!("`{namespace}:{interface}` is exported twice"), None);
            }
            if let Some(version) = export(entry.value) {
                let (namespace, interface) = (namespace.to_owned(), interface.to_owned());
                exports.push(Export {
                    namespace,
                    interface,
                    version,
                });
            }
        },
    );
    exports
}

fn export(value: Value<'_>) -> Option<semver::Version> {
    if value.raw().is_str() {
        return value.check(version);
    }
    if !value.raw().is_table() {
        return value.wrong_type("an exact version or a table", None);
    }
    let table = &value.table()?;
    table.only(&["version"], &[]);
    table
        .required("version")
        .and_then(|value| value.check(version))
}

/// Calls `each` with namespace, interface and entry, for both ways to write one. With `legacy`, the
/// namespace `astrid` as a table is reported to it.
fn each<'a>(
    root: &'a Table<'a>,
    name: &'static str,
    mut legacy: Option<&mut Legacy>,
    each: &mut dyn FnMut(&str, &str, &Entry<'_>),
) {
    let Some(table) = root.get(name).and_then(|value| value.table()) else {
        return;
    };
    let mut nested_entries = 0;
    for entry in table.entries_up_to(limits::INTERFACES) {
        if let Some((namespace, interface)) = entry.key.split_once(':') {
            if interface_part(namespace) && interface_part(interface) {
                each(namespace, interface, &entry);
            } else {
                bad_name(&entry);
            }
        } else if !interface_part(entry.key) || !entry.value.raw().is_table() {
            bad_name(&entry);
        } else if let Some(nested) = entry.value.table() {
            if let (Some(legacy), "astrid") = (&mut legacy, entry.key) {
                let instead = "write `\"astrid:NAME\" = …` in [exports]";
                legacy.report("[exports.astrid]", entry.value, instead);
            }
            let inner = nested.entries_up_to(limits::INTERFACES);
            nested_entries += inner.len();
            if nested_entries > limits::INTERFACES {
                nested.error(
                    format!("more than {} interfaces in all", limits::INTERFACES),
                    None,
                );
                return;
            }
            for inner in inner {
                if interface_part(inner.key) {
                    each(entry.key, inner.key, &inner);
                } else {
                    bad_name(&inner);
                }
            }
        }
    }
}

fn bad_name(entry: &Entry<'_>) {
    let suggestion = "write it as in \"astrid:http\" = \"1.0.0\"".to_owned();
    entry.key_error(
        "an interface is named `ns:iface`, in lower case",
        Some(suggestion),
    );
}
