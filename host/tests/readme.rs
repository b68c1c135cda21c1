//! What the README shows is what there is: its examples are those that are compiled elsewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
    assert!(count > 2, "{count}");
}

/// The rows of the README's table of guarantees, and the tests that each names in its last column.
fn guarantees() -> Vec<(String, Vec<String>)> {
    let readme = read("README.md");
    let (_, rest) = readme
        .split_once("## What it guards against\n")
        .expect("the section");
    let (section, _) = rest.split_once("\n## ").expect("its end");
    let rows = section.lines().filter(|line| line.starts_with("| "));
    rows.skip(1)
        .map(|row| {
            let columns: Vec<&str> = row.trim_matches('|').split(" | ").collect();
            let [what, _, tests] = columns[..] else {
                panic!("three columns: {row}")
            };
            let names = tests.split('`').skip(1).step_by(2);
            (what.trim().to_owned(), names.map(str::to_owned).collect())
        })
        .collect()
}

/// The names of all functions in the sources.
fn functions() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut open: Vec<PathBuf> = ["host", "sdk", "sdk-macros", "tests", "xtask"]
        .map(|folder| root.join(folder))
        .into();
    let mut names = BTreeSet::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder");
            open.extend(
                entries
                    .map(|entry| entry.expect("an entry").path())
                    .filter(|path| !path.ends_with("target")),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            let after = text.split("fn ").skip(1);
            names.extend(after.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
    names
}

#[test]
fn every_guarantee_names_tests_that_there_are() {
    let (guarantees, functions) = (guarantees(), functions());
    assert!(guarantees.len() > 20, "{}", guarantees.len());
    for (what, tests) in guarantees {
        assert!(!tests.is_empty(), "nothing shows: {what}");
        for test in tests {
            assert!(functions.contains(&test), "there is no test {test}: {what}");
        }
    }
}
