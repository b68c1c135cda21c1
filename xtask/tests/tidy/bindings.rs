//! The SDK's bindings are what wit-bindgen generates from `wit/`. They are kept in `sdk/bindings/` so that an author's
//! first build doesn't compile a generator: it takes a third of the time.

use std::fs;

use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::{Opts, WithOption};
use wit_parser::Resolve;

use crate::{assert_none, tree};

const FOLDER: &str = "sdk/bindings";
/// Set to write the files instead of comparing them.
const UPDATE: &str = "UPDATE_GOLDEN";
/// The interfaces that the SDK imports, and those of their types that it has written by hand, with documentation: the
/// functions take and give these, so that nothing is converted. Such a type has the contract's cases in its order, or its
/// fields; an enum that the host answers with has a `fn _lift(case: u8) -> Self`.
const IMPORTS: &[(&str, &[(&str, &str)])] = &[
    (
        "astrid:elicit/host@1.0.0",
        &[("error-code", "crate::secret::Error")],
    ),
    (
        "astrid:fs/host@1.0.0",
        &[
            ("datetime", "crate::fs::Datetime"),
            ("error-code", "crate::fs::Code"),
            ("file-stat", "crate::fs::Metadata"),
            ("file-type", "crate::fs::FileType"),
            ("open-mode", "crate::fs::Mode"),
        ],
    ),
    (
        "astrid:identity/host@1.0.0",
        &[("platform-link", "crate::identity::Link")],
    ),
    (
        "astrid:io/poll@1.0.0",
        &[("error-code", "crate::poll::Error")],
    ),
    (
        "astrid:ipc/host@1.0.0",
        &[
            ("interceptor-binding", "crate::ipc::Binding"),
            ("ipc-envelope", "crate::ipc::Batch"),
            ("ipc-message", "crate::ipc::Message"),
            ("principal-attribution", "crate::ipc::Attribution"),
        ],
    ),
    (
        "astrid:kv/host@1.0.0",
        &[
            ("error-code", "crate::kv::Error"),
            ("key-page", "crate::kv::Page"),
        ],
    ),
    (
        "astrid:sys/host@1.0.0",
        &[
            ("caller-context", "crate::sys::Caller"),
            ("error-code", "crate::sys::Error"),
            ("log-level", "crate::sys::Level"),
        ],
    ),
];
/// A file for each world, and the world.
const WORLDS: [(&str, &str); 5] = [
    ("imports", "astrid:sdk/imports"),
    ("interceptor", "astrid:guest/interceptor@1.0.0"),
    ("background", "astrid:guest/background@1.0.0"),
    ("installable", "astrid:guest/installable@1.0.0"),
    ("upgradable", "astrid:guest/upgradable@1.0.0"),
];

/// What the SDK imports, as a world of its own.
fn imports() -> String {
    let lines = IMPORTS
        .iter()
        .map(|(interface, _)| format!("import {interface};\n"));
    format!(
        "package astrid:sdk;\nworld imports {{\n{}}}\n",
        lines.collect::<String>()
    )
}

/// The types that are written by hand, by their full names.
fn by_hand() -> Vec<(String, WithOption)> {
    let types = IMPORTS.iter().flat_map(|(interface, types)| {
        types.iter().map(move |(name, path)| {
            let path = WithOption::Path((*path).to_owned());
            (format!("{interface}/{name}"), path)
        })
    });
    types.collect()
}

fn generated(world: &str) -> String {
    let mut resolve = Resolve::default();
    let (contract, _) = resolve
        .push_path(tree::root().join("wit"))
        .expect("wit/ parses");
    let sdk = resolve
        .push_str("sdk.wit", &imports())
        .expect("the SDK's imports parse");
    let id = resolve
        .select_world(&[contract, sdk], Some(world))
        .expect("the world is there");
    let is_imports = world == WORLDS[0].1;
    let options = Opts {
        format: true,
        generate_all: true,
        pub_export_macro: true,
        export_macro_name: Some("export".into()),
        with: if is_imports { by_hand() } else { Vec::new() },
        ..Opts::default()
    };
    let mut files = Files::default();
    options
        .build()
        .generate(&mut resolve, id, &mut files)
        .expect("the world can be bound");
    let (_, text) = files.iter().next().expect("one file for a world");
    String::from_utf8(text.to_vec()).expect("Rust is UTF-8")
}

#[test]
fn the_sdks_bindings_are_those_of_the_contract() {
    let mut problems = Vec::new();
    for (name, world) in WORLDS {
        let path = tree::root().join(FOLDER).join(format!("{name}.rs"));
        let text = generated(world);
        if std::env::var_os(UPDATE).is_some() {
            fs::create_dir_all(tree::root().join(FOLDER)).expect("the folder can be made");
            fs::write(path, text).expect("the file can be written");
        } else if fs::read_to_string(path).unwrap_or_default() != text {
            problems.push(format!("{FOLDER}/{name}.rs is not what {world} is bound as. To renew it: {UPDATE}=1 cargo xtask tidy"));
        }
    }
    assert_none(&problems);
}
