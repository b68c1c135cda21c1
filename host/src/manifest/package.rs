//! `[package]` and `[[component]]`.

use super::HOST_VERSION;
use super::capabilities::Capabilities;
use super::diagnostic::quoted;
use super::legacy::Legacy;
use super::limits;
use super::model::{CapsuleName, Component, ComponentKind, Package, PublishTo};
use super::patterns::{self, Wrong};
use super::reader::{Table, Value};
use super::values::{plain_table, requirement, version};

const PACKAGE: &[&str] = &[
    "name",
    "version",
    "description",
    "authors",
    "repository",
    "homepage",
    "documentation",
    "license",
    "license-file",
    "readme",
    "keywords",
    "categories",
    "astrid-version",
    "publish",
    "include",
    "exclude",
    "metadata",
];

const COMPONENT: &[&str] = &["id", "file", "hash", "type", "link", "capabilities"];

/// Reads `[package]`.
pub(super) fn package<'a>(root: &'a Table<'a>) -> Option<Package> {
    let value = root.required("package")?;
    let table = &value.table()?;
    table.only(PACKAGE, &[]);
    let name = table.required("name").and_then(|value| value.check(name));
    let version = table
        .required("version")
        .and_then(|value| value.check(version));
    let line = |key| {
        table
            .get(key)
            .and_then(|value| value.line(limits::ENTRY_BYTES))
    };
    let lines = |key| {
        table
            .get(key)
            .map(|value| value.lines())
            .unwrap_or_default()
    };
    let file = |key| table.get(key).and_then(|value| value.check(patterns::path));
    let package = Package {
        description: table.get("description").and_then(|value| value.prose()),
        authors: lines("authors"),
        repository: line("repository"),
        homepage: line("homepage"),
        documentation: line("documentation"),
        license: line("license"),
        license_file: file("license-file"),
        readme: file("readme"),
        keywords: lines("keywords"),
        categories: lines("categories"),
        astrid_version: table.get("astrid-version").and_then(host_requirement),
        publish: table.get("publish").map(publish_to).unwrap_or_default(),
        include: lines("include"),
        exclude: lines("exclude"),
        metadata: table
            .get("metadata")
            .and_then(plain_table)
            .unwrap_or_default(),
        // Last, so that a mistake in them doesn't hide those of the other keys.
        name: name?,
        version: version?,
    };
    Some(package)
}

fn name(text: &str) -> Result<CapsuleName, Wrong> {
    CapsuleName::parse(text).map_err(|error| {
        let lower = text.to_ascii_lowercase().replace([' ', '.'], "-");
        let meant = CapsuleName::parse(&lower).ok();
        Wrong {
            message: error.to_string(),
            suggestion: meant.map(|meant| format!("write \"{meant}\"")),
        }
    })
}

fn host_requirement(value: Value<'_>) -> Option<semver::VersionReq> {
    let wanted = value.check(requirement)?;
    if wanted.matches(&HOST_VERSION) {
        return Some(wanted);
    }
    let wanted = quoted(&wanted.to_string());
    value.error(
        format!("the capsule needs a host {wanted}, this one is {HOST_VERSION}"),
        None,
    );
    None
}

fn publish_to(value: Value<'_>) -> PublishTo {
    if value.raw().is_array() {
        return PublishTo::Registries(value.lines());
    }
    match value.raw().as_bool() {
        Some(true) => PublishTo::Anywhere,
        Some(false) => PublishTo::Nowhere,
        None => value
            .wrong_type("true, false or an array of registries", None)
            .unwrap_or(PublishTo::Nowhere),
    }
}

/// Reads `[[component]]`; its capabilities are merged into `capabilities`.
pub(super) fn component<'a>(
    root: &'a Table<'a>,
    capabilities: &mut Capabilities,
    legacy: &mut Legacy,
) -> Option<Component> {
    let tables = root.get("component")?.tables(limits::TABLES);
    if let [_, second, ..] = tables.as_slice() {
        let found = tables.len();
        second.error(
            format!("a capsule has one [[component]], this manifest has {found}"),
            Some("make a capsule of each".to_owned()),
        );
    }
    let table = tables.first()?;
    table.only(COMPONENT, &["entrypoint"]);
    if let Some(value) = table.get("capabilities")
        && let Some(asked) = value.table()
    {
        capabilities.merge(&asked, legacy);
    }
    let (file, entrypoint) = (table.get("file"), table.get("entrypoint"));
    if let (Some(_), Some(entrypoint)) = (file, entrypoint) {
        let message = "`entrypoint` is another name of `file`: both are given";
        entrypoint.error(message, Some("remove `entrypoint`".to_owned()));
    }
    let kinds = [
        ("executable", ComponentKind::Executable),
        ("library", ComponentKind::Library),
    ];
    Some(Component {
        id: table
            .get("id")
            .and_then(|value| value.check(patterns::identifier)),
        file: file
            .or(entrypoint)
            .and_then(|value| value.check(patterns::path)),
        hash: table
            .get("hash")
            .and_then(|value| value.check(patterns::hash)),
        kind: table
            .get("type")
            .and_then(|value| value.choice(&kinds))
            .unwrap_or_default(),
        link: table
            .get("link")
            .map(|value| value.lines())
            .unwrap_or_default(),
    })
}
