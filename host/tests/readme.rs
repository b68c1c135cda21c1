//! What the README shows is what there is: its examples are those that are compiled elsewhere.

use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The README's first block in this language.
fn block(language: &str) -> String {
    let readme = read("README.md");
    let (_, rest) = readme
        .split_once(&format!("```{language}\n"))
        .expect("a block");
    rest.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn the_capsule_is_the_example() {
    let source = read("capsules/hello/src/lib.rs");
    let (_, code) = source.split_once("use astrid_sdk").expect("its imports");
    let (code, _) = code.split_once("#[cfg(test)]").expect("its tests");
    assert_eq!(
        block("rust,ignore").trim(),
        format!("use astrid_sdk{code}").trim()
    );
}

#[test]
fn the_embedding_is_the_doc_test() {
    let source = read("host/src/lib.rs");
    let docs: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    assert!(docs.join("\n").contains(block("rust,no_run").trim()));
}

#[test]
fn the_manifest_is_one() {
    let parsed = astrid_host::manifest::CapsuleManifest::parse(&block("toml"), "README.md");
    assert_eq!(parsed.expect("a manifest").manifest.handlers().count(), 1);
}

#[test]
fn every_file_that_it_names_is_there() {
    let readme = read("README.md");
    let named = readme.split('`').filter(|text| {
        ["host/", "tests/", "capsules/", "sdk/", "wit/"]
            .iter()
            .any(|folder| text.starts_with(folder) && !text.contains(['\n', ' ']))
    });
    let mut count = 0;
    for path in named {
        let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
        assert!(found.exists(), "{path}");
        count += 1;
    }
    assert!(count > 10, "{count}");
}
