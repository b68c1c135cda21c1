//! A template under another name.
//!
//! Only names change: those of the package in both manifests, of the files that are called after it, and the title
//! of the README. Formatting and comments of the template stay.

use std::path::Path;

use toml_edit::{DocumentMut, Item, Value};

use super::files::parse_toml;
use super::{AuthoringError, Result};

/// A template's file as it is in the new capsule.
pub(super) fn renamed(path: &str, contents: &[u8], old: &str, new: &str) -> Result<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(contents) else {
        return Ok(contents.to_owned());
    };
    let shown = Path::new("templates").join(old).join(path);
    let text = match path {
        "Cargo.toml" => rename_crate(parse_toml(&shown, text)?, old, new)?,
        "Capsule.toml" => rename_capsule(parse_toml(&shown, text)?, old, new),
        "README.md" => rename_readme(text, old, new),
        // Tests and examples see the library from outside, by its name.
        _ if path.starts_with("tests/") && path.ends_with(".rs") => text.replace(
            &format!("use {}::", ident(old)),
            &format!("use {}::", ident(new)),
        ),
        _ => text.to_owned(),
    };
    Ok(text.into_bytes())
}

fn rename_crate(mut cargo: DocumentMut, old: &str, new: &str) -> Result<String> {
    // A package and what it depends on cannot share a name, or cargo would take the one for the other; nor may their
    // libraries, whose names have no hyphens.
    for table in ["dependencies", "dev-dependencies"] {
        let dependencies = cargo.get(table).and_then(Item::as_table_like);
        if dependencies.is_some_and(|all| all.iter().any(|(name, _)| ident(name) == ident(new))) {
            return Err(AuthoringError::BadName {
                name: new.to_owned(),
                reason: "the template depends on a crate of that name".to_owned(),
            });
        }
    }
    set(
        cargo
            .get_mut("package")
            .and_then(|package| package.get_mut("name")),
        new,
    );
    let library = cargo.get_mut("lib").and_then(|lib| lib.get_mut("name"));
    if library.as_ref().and_then(|name| name.as_str()) == Some(&ident(old)) {
        set(library, &ident(new));
    }
    Ok(cargo.to_string())
}

fn rename_capsule(mut manifest: DocumentMut, old: &str, new: &str) -> String {
    set(
        manifest
            .get_mut("package")
            .and_then(|package| package.get_mut("name")),
        new,
    );
    if let Some(components) = manifest
        .get_mut("component")
        .and_then(Item::as_array_of_tables_mut)
    {
        for component in components.iter_mut() {
            for key in ["id", "file", "entrypoint"] {
                let item = component.get_mut(key);
                let Some(name) = item.as_ref().and_then(|item| item.as_str()) else {
                    continue;
                };
                let name = called_after(name, old, new);
                set(item, &name);
            }
        }
    }
    manifest.to_string()
}

/// A path whose last part is `old`, or `old` and an extension, called after `new` instead.
fn called_after(path: &str, old: &str, new: &str) -> String {
    let (folder, file) = path
        .rsplit_once('/')
        .map_or(("", path), |(folder, file)| (folder, file));
    let (stem, extension) = file
        .split_once('.')
        .map_or((file, None), |(stem, rest)| (stem, Some(rest)));
    let new_stem = if stem == old {
        new.to_owned()
    } else if stem == ident(old) {
        ident(new)
    } else {
        return path.to_owned();
    };
    let file = extension.map_or(new_stem.clone(), |extension| {
        format!("{new_stem}.{extension}")
    });
    if folder.is_empty() {
        file
    } else {
        format!("{folder}/{file}")
    }
}

/// The title names the capsule; built files are called after it.
fn rename_readme(text: &str, old: &str, new: &str) -> String {
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    let title = if title.starts_with("# ") && title.contains(old) {
        title.replacen(old, new, 1)
    } else if title.starts_with("# ") {
        format!("# {new}")
    } else {
        title.to_owned()
    };
    let rest = rest
        .replace(&format!("{old}.wasm"), &format!("{new}.wasm"))
        .replace(&format!("{old}.capsule"), &format!("{new}.capsule"));
    format!("{title}\n{rest}")
}

/// Replaces a string value and keeps the space and the comment around it.
fn set(item: Option<&mut Item>, text: &str) {
    if let Some(value) = item.and_then(Item::as_value_mut) {
        let decor = value.decor().clone();
        *value = Value::from(text);
        *value.decor_mut() = decor;
    }
}

/// A package's name as its library's is by default.
fn ident(name: &str) -> String {
    name.replace('-', "_")
}
