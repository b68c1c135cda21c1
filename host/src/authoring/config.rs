//! The `.cargo/config.toml` with which a capsule's folder builds wherever it was copied to.
//!
//! Three things are in it: where the crate `astrid-sdk` is, the profile that guests are built with, and the choice
//! of `getrandom`'s backend. Cargo reads it for `cargo test` in the folder too. A file of the author's is edited in
//! place: the patch is ours to set, a profile key only where the author has none, flags are added to theirs.
//!
//! A workspace that patches `astrid-sdk` itself is left alone; cargo is then given the rest as arguments.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::files::{canonical, parse_toml, read_if_there, write_atomically};
use super::toolchain::{WASM_TARGET, workspace_manifest};
use super::{AuthoringError, Result};

/// The profile that capsules are built with.
pub(super) const PROFILE: &str = "capsule";

/// Its settings, as TOML values. Small above all: a component is hashed, compiled and kept. `abort` because a panic
/// ends the instance anyway. This `strip` drops the standard library's 1.5 MB of debug information and keeps the
/// names of functions, for backtraces.
const PROFILE_SETTINGS: [(&str, &str); 6] = [
    ("inherits", "\"release\""),
    ("opt-level", "3"),
    ("lto", "true"),
    ("codegen-units", "1"),
    ("panic", "\"abort\""),
    ("strip", "\"debuginfo\""),
];

/// Entropy comes from the host through the SDK, and `getrandom` has no backend of its own for the target. The
/// flags as rustc takes them.
pub(super) const RUSTFLAGS: [&str; 2] = ["--cfg", "getrandom_backend=\"custom\""];

/// What in somebody's flags says that they have chosen a backend.
pub(super) const BACKEND_CHOICE: &str = "getrandom_backend";

/// What stands above the settings in a file that we make.
const HEADER: &str = "\
# Made by `astrid`, which keeps it up to date: where the SDK is on this machine and how a capsule is compiled.
# What you add stays.

";

/// What came of [`configure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configured {
    /// The file was made or changed.
    Written(PathBuf),
    /// The file has all that is needed.
    UpToDate(PathBuf),
    /// The workspace with this manifest says where `astrid-sdk` is; nothing was written.
    ByWorkspace(PathBuf),
}

/// Lets the crate in `folder` build against the SDK that lies in `sdk` (what [`Sdk::unpack_into`] returned):
/// writes or edits its `.cargo/config.toml`, unless its workspace takes care of that. The file is replaced at once,
/// and only if something changes.
///
/// [`Sdk::unpack_into`]: super::Sdk::unpack_into
///
/// # Errors
/// [`AuthoringError::Toml`] and [`AuthoringError::TomlShape`] for a file that cannot be understood, which is then
/// left as it is; [`AuthoringError::Workspace`], [`AuthoringError::NoRust`], [`AuthoringError::Io`].
pub fn configure(folder: &Path, sdk: &Path) -> Result<Configured> {
    let folder = canonical(folder)?;
    let root_path = workspace_manifest(&folder)?;
    let root = read_toml(&root_path)?;
    if patches_sdk(&root) {
        return Ok(Configured::ByWorkspace(root_path));
    }
    let own = read_toml(&folder.join("Cargo.toml"))?;
    let root_folder = root_path.parent().unwrap_or(&folder);
    if root_folder != folder && patches_sdk(&read_toml(&config_path(root_folder))?) {
        return Ok(Configured::ByWorkspace(root_path));
    }

    let sdk_crate = canonical(sdk)?.join("sdk");
    let sdk_crate = sdk_crate
        .to_str()
        .ok_or_else(|| AuthoringError::TomlShape {
            path: sdk_crate.clone(),
            key: "patch.crates-io.astrid-sdk.path".to_owned(),
            expected: "UTF-8, which the home's path is not",
        })?;
    let wanted = Wanted {
        sdk_crate: takes_carried_sdk(&own).then_some(sdk_crate),
        authors_profile: profile_keys(&root),
    };

    let path = config_path(&folder);
    let existing = read_if_there(&path)?;
    let text = match &existing {
        Some(text) => edited(&path, text, &wanted)?,
        None => format!("{HEADER}{}", edited(&path, "", &wanted)?),
    };
    if existing.as_deref() == Some(&text) {
        return Ok(Configured::UpToDate(path));
    }
    if let Some(config_folder) = path.parent() {
        ignore_if_made(config_folder)?;
    }
    write_atomically(&path, text.as_bytes())?;
    Ok(Configured::Written(path))
}

/// `--config` arguments for a crate whose workspace was left alone: what neither its manifest nor its
/// configuration sets.
pub(super) fn workspace_arguments(root_path: &Path) -> Result<Vec<String>> {
    let mut given = profile_keys(&read_toml(root_path)?);
    if let Some(folder) = root_path.parent() {
        given.extend(profile_keys(&read_toml(&config_path(folder))?));
    }
    let mut settings: Vec<String> = PROFILE_SETTINGS
        .iter()
        .filter(|(key, _)| !given.iter().any(|given| given == key))
        .map(|(key, value)| format!("profile.{PROFILE}.{key}={value}"))
        .collect();
    settings.push(format!(
        "target.{WASM_TARGET}.rustflags={}",
        Array::from_iter(RUSTFLAGS)
    ));
    Ok(settings
        .into_iter()
        .flat_map(|setting| ["--config".to_owned(), setting])
        .collect())
}

/// What the file must come to say.
#[derive(Debug)]
struct Wanted<'a> {
    /// Where `astrid-sdk` is, unless the crate gets it from somewhere else.
    sdk_crate: Option<&'a str>,
    /// Settings of the profile that the author's manifest makes; in here they would override those.
    authors_profile: Vec<String>,
}

/// The text of a configuration with our settings in it.
fn edited(path: &Path, existing: &str, wanted: &Wanted<'_>) -> Result<String> {
    let mut config = parse_toml(path, existing)?;
    let root = config.as_table_mut();

    if let Some(sdk_crate) = wanted.sdk_crate {
        let patches = table_at(path, root, &["patch", "crates-io"])?;
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
    }

    let profile = table_at(path, root, &["profile", PROFILE])?;
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

    let target = table_at(path, root, &["target", WASM_TARGET])?;
    match target.get_mut("rustflags") {
        None => put(target, "rustflags", Array::from_iter(RUSTFLAGS).into()),
        Some(flags) if flags.is_value() && flags.to_string().contains(BACKEND_CHOICE) => {}
        Some(Item::Value(Value::Array(flags))) => extend(flags),
        Some(Item::Value(Value::String(flags))) => {
            let text = format!("{} {}", flags.value().trim_end(), RUSTFLAGS.join(" "));
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
fn extend(flags: &mut Array) {
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
        for flag in RUSTFLAGS {
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
    for (n, flag) in RUSTFLAGS.into_iter().enumerate() {
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

/// The table at a path of keys, made where missing.
fn table_at<'d>(path: &Path, root: &'d mut Table, keys: &[&str]) -> Result<&'d mut dyn TableLike> {
    let mut table: &mut dyn TableLike = root;
    for (depth, key) in keys.iter().enumerate() {
        if !table.contains_key(key) {
            let mut made = Table::new();
            // Only the innermost gets a header of its own.
            made.set_implicit(true);
            table.insert(key, Item::Table(made));
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

/// Sets a key; the comment beside a value that is replaced stays.
fn put(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    }
    table.insert(key, Item::Value(value));
}

/// Whether a manifest or a configuration says where `astrid-sdk` is.
fn patches_sdk(document: &DocumentMut) -> bool {
    document
        .get("patch")
        .and_then(Item::as_table_like)
        .is_some_and(|sources| {
            sources
                .iter()
                .any(|(_, crates)| crates.get("astrid-sdk").is_some())
        })
}

/// Whether a crate would take its `astrid-sdk` from the registry in the version that we carry, hence from us. One
/// that asks for a published version, or names a place, gets what it asks for. One that does not name it may have it
/// through a crate of the author's own, which is not in the registry; cargo warns of a patch that nobody uses.
fn takes_carried_sdk(manifest: &DocumentMut) -> bool {
    let has =
        |dependency: &Item, keys: &[&str]| keys.iter().any(|key| dependency.get(key).is_some());
    let dependencies = manifest.get("dependencies").and_then(Item::as_table_like);
    let Some(dependency) = dependencies.and_then(|all| all.get("astrid-sdk")) else {
        return dependencies.is_some_and(|all| {
            all.iter()
                .any(|(_, one)| has(one, &["path", "git", "workspace", "package"]))
        });
    };
    if has(dependency, &["path", "git", "registry"]) {
        return false;
    }
    let asked = dependency
        .as_str()
        .or_else(|| dependency.get("version").and_then(Item::as_str));
    let asked = asked.and_then(|version| semver::VersionReq::parse(version).ok());
    let carried = semver::Version::parse(env!("CARGO_PKG_VERSION")).ok();
    match (asked, carried) {
        (Some(asked), Some(carried)) => asked.matches(&carried),
        _ => true,
    }
}

fn profile_keys(document: &DocumentMut) -> Vec<String> {
    document
        .get("profile")
        .and_then(|profiles| profiles.get(PROFILE))
        .and_then(Item::as_table_like)
        .map(|profile| profile.iter().map(|(key, _)| key.to_owned()).collect())
        .unwrap_or_default()
}

/// A document; an empty one where there is no file.
fn read_toml(path: &Path) -> Result<DocumentMut> {
    parse_toml(path, &read_if_there(path)?.unwrap_or_default())
}

/// The file that cargo reads: of two, the one without an extension.
fn config_path(folder: &Path) -> PathBuf {
    let old = folder.join(".cargo/config");
    if old.is_file() {
        old
    } else {
        folder.join(".cargo/config.toml")
    }
}

/// Makes the folder; if it was not there, git ignores all that is in it, for it is about this machine.
fn ignore_if_made(folder: &Path) -> Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => write_atomically(&folder.join(".gitignore"), b"*\n"),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(AuthoringError::io("create", folder)(error)),
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
