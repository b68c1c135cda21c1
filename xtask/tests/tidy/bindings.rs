//! The SDK's bindings are what wit-bindgen generates from `wit/`. They are kept in `sdk/bindings/` so that an author's
//! first build doesn't compile a generator: it takes a third of the time.

use std::fs;

use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;
use wit_parser::Resolve;

use crate::{assert_none, tree};

const FOLDER: &str = "sdk/bindings";
/// Set to write the files instead of comparing them.
const UPDATE: &str = "UPDATE_GOLDEN";
/// What the SDK imports, as a world of its own.
const IMPORTS: &str = "package astrid:sdk;
world imports {
    import astrid:io/poll@1.0.0;
    import astrid:ipc/host@1.0.0;
    import astrid:sys/host@1.0.0;
}
";
/// A file for each world, and the world.
const WORLDS: [(&str, &str); 5] = [
    ("imports", "astrid:sdk/imports"),
    ("interceptor", "astrid:guest/interceptor@1.0.0"),
    ("background", "astrid:guest/background@1.0.0"),
    ("installable", "astrid:guest/installable@1.0.0"),
    ("upgradable", "astrid:guest/upgradable@1.0.0"),
];

fn generated(world: &str) -> String {
    let mut resolve = Resolve::default();
    let (contract, _) = resolve
        .push_path(tree::root().join("wit"))
        .expect("wit/ parses");
    let sdk = resolve
        .push_str("sdk.wit", IMPORTS)
        .expect("the SDK's imports parse");
    let id = resolve
        .select_world(&[contract, sdk], Some(world))
        .expect("the world is there");
    let options = Opts {
        format: true,
        generate_all: true,
        pub_export_macro: true,
        export_macro_name: Some("export".into()),
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
