//! The settings with which a capsule is built, and a cargo configuration that has them.
//!
//! A file of the author's is edited in place: the patch is ours to set, a profile key only where the author has none,
//! flags are added to theirs. Nothing here reads or writes a file.

use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::files::parse_toml;
use super::layout::{self, Header};
use super::toolchain::WASM_TARGET;
use super::{AuthoringError, Result};

/// The profile that capsules are built with.
pub(super) const PROFILE: &str = "capsule";

/// Its settings, as TOML values. Small above all: a component is hashed, compiled and kept. `abort` because a panic
/// ends the instance anyway. This `strip` drops the standard library's 1.5 MB of debug information and keeps the
/// names of functions, for backtraces. With `overflow-checks` arithmetic is what it is in `cargo test`: it panics where
/// it would wrap.
const PROFILE_SETTINGS: [(&str, &str); 7] = [
    ("inherits", "\"release\""),
    ("opt-level", "3"),
    ("lto", "true"),
    ("codegen-units", "1"),
    ("panic", "\"abort\""),
    ("strip", "\"debuginfo\""),
    ("overflow-checks", "true"),
];

/// Flags as rustc takes them, each pair behind what in the author's flags says that they have chosen for themselves.
///
/// Entropy comes from the host through the SDK, and `getrandom` has no backend of its own for the target. The stack in
/// linear memory has 4 MiB: the linker's 1 MiB is used up by a thousand levels of a function with 1 KiB of variables.
pub(super) const RUSTFLAGS: [(&str, [&str; 2]); 2] = [
    (
        "getrandom_backend",
        ["--cfg", "getrandom_backend=\"custom\""],
    ),
    ("stack-size", ["-C", "link-arg=-zstack-size=4194304"]),
];

/// Those of our flags on which `given`, the author's, say nothing.
pub(super) fn flags_beside(given: &str) -> Vec<&'static str> {
    let missing = RUSTFLAGS
        .iter()
        .filter(|(choice, _)| !given.contains(choice));
    missing.flat_map(|(_, flags)| *flags).collect()
}

/// What cargo must be told.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Where `astrid-sdk` is, unless the crate gets it from somewhere else.
    pub(super) sdk_crate: Option<&'a str>,
    /// Settings of the profile that the author makes elsewhere; ours would override those.
    pub(super) authors_profile: Vec<String>,
}

impl Wanted<'_> {
    /// The same as arguments of cargo, for where no file may say it.
    pub(super) fn arguments(&self) -> Vec<String> {
        let is_authors = |key: &&str| self.authors_profile.iter().any(|given| given == key);
        let patch = self.sdk_crate.map(|sdk_crate| {
            let path = Value::from(sdk_crate);
            format!("patch.crates-io.astrid-sdk.path={path}")
        });
        let profile = PROFILE_SETTINGS
            .iter()
            .filter(|(key, _)| !is_authors(key))
            .map(|(key, value)| format!("profile.{PROFILE}.{key}={value}"));
        let flags = rustflags_argument(flags_beside(""));
        let settings = patch.into_iter().chain(profile).chain([flags]);
        settings
            .flat_map(|setting| ["--config".to_owned(), setting])
            .collect()
    }

    /// The text of a configuration with these settings in it.
    pub(super) fn within(&self, path: &Path, existing: &str) -> Result<String> {
        layout::edit(existing, |text| edited(path, text, self))
    }
}

/// Flags for the target, as a setting of cargo's command line, which adds them to those of files.
pub(super) fn rustflags_argument(flags: impl IntoIterator<Item = impl Into<Value>>) -> String {
    format!("target.{WASM_TARGET}.rustflags={}", Array::from_iter(flags))
}

/// The text of a configuration that says where `astrid-sdk` is, and no more.
pub(super) fn with_patch(path: &Path, existing: &str, sdk_crate: &str) -> Result<String> {
    layout::edit(existing, |text| {
        let mut config = parse_toml(path, text)?;
        patch(path, &mut config, sdk_crate)?;
        Ok(config.to_string())
    })
}

fn patch(path: &Path, config: &mut DocumentMut, sdk_crate: &str) -> Result<()> {
    let patches = table_at(path, config, &["patch", "crates-io"])?;
    let is_so = patches
        .get("astrid-sdk")
        .and_then(Item::as_table_like)
        .is_some_and(|patch| {
            patch.len() == 1 && patch.get("path").and_then(Item::as_str) == Some(sdk_crate)
        });
    if !is_so {
        let patch = InlineTable::from_iter([("path", sdk_crate)]);
        put(patches, "astrid-sdk", patch.into());
    }
    Ok(())
}

fn edited(path: &Path, existing: &str, wanted: &Wanted<'_>) -> Result<String> {
    let mut config = parse_toml(path, existing)?;

    if let Some(sdk_crate) = wanted.sdk_crate {
        patch(path, &mut config, sdk_crate)?;
    }

    let profile = table_at(path, &mut config, &["profile", PROFILE])?;
    for (key, setting) in PROFILE_SETTINGS {
        let setting: Value = setting
            .parse()
            .map_err(|error| AuthoringError::toml(path, setting, &error))?;
        let ours = |item: &Item| item.to_string().trim() == setting.to_string();
        if wanted.authors_profile.iter().any(|given| given == key) {
            if profile.get(key).is_some_and(ours) {
                profile.remove(key);
            }
        } else if !profile.contains_key(key) {
            put(profile, key, setting);
        }
    }

    let target = table_at(path, &mut config, &["target", WASM_TARGET])?;
    let given = target.get("rustflags").map(Item::to_string);
    let ours = flags_beside(&given.unwrap_or_default());
    match target.get_mut("rustflags") {
        None => put(target, "rustflags", Array::from_iter(ours).into()),
        Some(flags) if flags.is_value() && ours.is_empty() => {}
        Some(Item::Value(Value::Array(flags))) => extend(flags, &ours),
        Some(Item::Value(Value::String(flags))) => {
            let text = format!("{} {}", flags.value().trim_end(), ours.join(" "));
            let decor = flags.decor().clone();
            *flags = toml_edit::Formatted::new(text.trim_start().to_owned());
            *flags.decor_mut() = decor;
        }
        Some(_) => return Err(flags_shape(path)),
    }
    Ok(config.to_string())
}

fn flags_shape(path: &Path) -> AuthoringError {
    AuthoringError::TomlShape {
        path: path.to_owned(),
        key: format!("target.{WASM_TARGET}.rustflags"),
        expected: "a string or an array of strings",
    }
}

/// Adds our flags in the way the author has laid theirs out: on lines of their own, if theirs are.
fn extend(flags: &mut Array, ours: &[&'static str]) {
    let last = flags
        .iter()
        .last()
        .and_then(|flag| flag.decor().prefix()?.as_str());
    let indent = last.and_then(|prefix| {
        prefix
            .rfind('\n')
            .map(|newline| prefix[newline..].to_owned())
    });
    let Some(indent) = indent else {
        for &flag in ours {
            flags.push(flag);
        }
        return;
    };
    // A comment behind the last flag stands before the closing bracket; it stays behind that flag.
    let comment = flags
        .trailing()
        .as_str()
        .unwrap_or_default()
        .trim_end()
        .to_owned();
    let comment = if flags.trailing_comma() {
        comment
    } else {
        String::new()
    };
    for (n, &flag) in ours.iter().enumerate() {
        let before = if n == 0 {
            format!("{comment}{indent}")
        } else {
            indent.clone()
        };
        flags.push_formatted(Value::from(flag).decorated(before, ""));
    }
    if flags.trailing_comma() {
        flags.set_trailing("\n");
    }
}

/// The table at a path of keys, made at the end where missing.
fn table_at<'d>(
    path: &Path,
    document: &'d mut DocumentMut,
    keys: &[&str],
) -> Result<&'d mut dyn TableLike> {
    let header = has_header(document, keys).then(|| Header::last(document));
    let mut made = Table::new();
    if let Some(header) = header {
        header.give(&mut made);
    }
    let mut made = Some(made);
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for (depth, key) in keys.iter().enumerate() {
        if !table.contains_key(key) {
            // Only the innermost gets a header of its own.
            let innermost = (depth + 1 == keys.len()).then(|| made.take()).flatten();
            let next = innermost.unwrap_or_else(|| {
                let mut outer = Table::new();
                outer.set_implicit(true);
                outer
            });
            table.insert(key, Item::Table(next));
        }
        table = table
            .get_mut(key)
            .and_then(Item::as_table_like_mut)
            .ok_or_else(|| AuthoringError::TomlShape {
                path: path.to_owned(),
                key: keys[..=depth].join("."),
                expected: "a table",
            })?;
    }
    Ok(table)
}

/// Whether the table at a path of keys is missing and would be written with a header: all those around it are.
fn has_header(document: &DocumentMut, keys: &[&str]) -> bool {
    let mut table = document.as_table();
    for key in keys {
        match table.get(key) {
            None => return true,
            Some(Item::Table(inner)) if !inner.is_dotted() => table = inner,
            Some(_) => return false,
        }
    }
    false
}

/// Sets a key; the comment beside a value that is replaced stays.
fn put(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    }
    table.insert(key, Item::Value(value));
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
