//! What this room must know of a capsule's two manifests: the few keys that decide how files are called and what
//! cargo is asked to do. Whether the manifests are right otherwise is not judged here.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, TableLike};

use super::files::{canonical, parse_toml, read_if_there, require_utf8};
use super::new::check_name_shape;
use super::{AuthoringError, Result};

/// What `Capsule.toml` says about names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapsuleFacts {
    /// `[package] name`: a valid capsule's name, hence safe as a part of a file's name.
    pub name: String,
    /// `[[component]] file` (or `entrypoint`), as written; `<name>.wasm` where there is none.
    pub component_file: String,
}

impl CapsuleFacts {
    /// Reads them from a manifest's text; `path` is for errors only.
    ///
    /// # Errors
    /// [`AuthoringError::Toml`], [`AuthoringError::NoName`], [`AuthoringError::BadName`].
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let manifest = parse_toml(path, text)?;
        let name = package_name(path, &manifest)?;
        check_name_shape(&name)?;
        let first = match manifest.get("component") {
            Some(Item::ArrayOfTables(tables)) => tables.get(0).map(|table| table as &dyn TableLike),
            Some(item) => item
                .as_array()
                .and_then(|array| array.get(0))
                .and_then(|value| value.as_inline_table())
                .map(|table| table as &dyn TableLike),
            None => None,
        };
        let component_file = first
            .and_then(|component| {
                component
                    .get("file")
                    .or_else(|| component.get("entrypoint"))
            })
            .and_then(Item::as_str)
            .map_or_else(|| format!("{name}.wasm"), str::to_owned);
        Ok(Self {
            name,
            component_file,
        })
    }
}

/// A folder that holds a crate and a capsule's manifest.
#[derive(Debug)]
pub(super) struct CapsuleCrate {
    /// The folder, absolute and without symbolic links.
    pub(super) folder: PathBuf,
    /// `[package] name` of `Cargo.toml`.
    pub(super) crate_name: String,
    /// What `Capsule.toml` says.
    pub(super) facts: CapsuleFacts,
}

impl CapsuleCrate {
    /// Reads both manifests and checks what a build needs of them.
    pub(super) fn read(given: &Path) -> Result<Self> {
        let not_a_crate = |reason| AuthoringError::NotACrate {
            folder: given.to_owned(),
            reason,
        };
        if !given.is_dir() {
            return Err(not_a_crate("there is no such folder"));
        }
        let folder = canonical(given)?;
        require_utf8(&folder)?;
        let cargo_path = folder.join("Cargo.toml");
        let cargo_text =
            read_if_there(&cargo_path)?.ok_or_else(|| not_a_crate("it has no Cargo.toml"))?;
        let cargo = parse_toml(&cargo_path, &cargo_text)?;
        if !cargo.contains_key("package") {
            return Err(AuthoringError::NoPackage { path: cargo_path });
        }
        let crate_name = package_name(&cargo_path, &cargo)?;

        let capsule_path = folder.join("Capsule.toml");
        let Some(capsule_text) = read_if_there(&capsule_path)? else {
            return Err(AuthoringError::NotACapsule { folder, crate_name });
        };
        let facts = CapsuleFacts::parse(&capsule_path, &capsule_text)?;
        if !makes_a_cdylib(&cargo) {
            return Err(AuthoringError::NotACdylib { path: cargo_path });
        }
        Ok(Self {
            folder,
            crate_name,
            facts,
        })
    }
}

fn package_name(path: &Path, manifest: &DocumentMut) -> Result<String> {
    manifest
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(Item::as_str)
        .map(str::to_owned)
        .ok_or_else(|| AuthoringError::NoName {
            path: path.to_owned(),
        })
}

/// Whether `[lib] crate-type` (also spelt `crate_type`) has `cdylib`.
fn makes_a_cdylib(cargo: &DocumentMut) -> bool {
    let library = cargo.get("lib");
    library
        .and_then(|lib| lib.get("crate-type").or_else(|| lib.get("crate_type")))
        .and_then(Item::as_array)
        .is_some_and(|types| types.iter().any(|kind| kind.as_str() == Some("cdylib")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Result<CapsuleFacts> {
        CapsuleFacts::parse(Path::new("Capsule.toml"), text)
    }

    #[test]
    fn the_component_file_is_as_written_or_derived_from_the_name() {
        let named = "[package]\nname = \"guard\"\n";
        let cases = [
            (named.to_owned(), "guard.wasm"),
            (
                format!("{named}[[component]]\nfile = \"bin/g.wasm\"\n"),
                "bin/g.wasm",
            ),
            (
                format!("{named}[[component]]\nentrypoint = \"e.wasm\"\n"),
                "e.wasm",
            ),
            (
                format!("component = [{{ file = \"inline.wasm\" }}]\n{named}"),
                "inline.wasm",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(facts(&text).unwrap().component_file, expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_would_leave_the_folder_is_refused() {
        let error = facts("[package]\nname = \"../../etc\"\n").unwrap_err();
        assert!(matches!(error, AuthoringError::BadName { .. }), "{error}");
        assert!(matches!(
            facts("[package]\n"),
            Err(AuthoringError::NoName { .. })
        ));
    }

    #[test]
    fn a_broken_manifest_is_named_with_its_place() {
        let error = facts("[package]\nname = \"a\"\nversion = = 1\n").unwrap_err();
        assert!(error.to_string().starts_with("Capsule.toml:3:"), "{error}");
    }

    #[test]
    fn each_missing_piece_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let refusal = || {
            let error = CapsuleCrate::read(path).unwrap_err();
            format!("{error}\n{}", error.hint().unwrap())
        };
        let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();

        assert!(refusal().contains("astrid new NAME"));
        write("Cargo.toml", "[workspace]\nmembers = []\n");
        assert!(refusal().contains("members"));
        write("Cargo.toml", "[package]\nname = \"mine\"\n");
        assert!(refusal().contains("file = \"target/astrid/mine.wasm\""));
        write(
            "Capsule.toml",
            "[package]\nname = \"mine\"\nversion = \"0.1.0\"\n",
        );
        assert!(refusal().contains("crate-type = [\"cdylib\", \"rlib\"]"));
        write(
            "Cargo.toml",
            "[package]\nname = \"mine\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
        );
        assert_eq!(CapsuleCrate::read(path).unwrap().facts.name, "mine");
    }
}
