//! The top level holds what everyone expects there, and nothing else.

use std::collections::BTreeSet;

use crate::{assert_none, tree};

const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "capsules",
    "host",
    "sdk",
    "sdk-macros",
    "tests",
    "wit",
    "xtask",
];

/// What is missing from the top level and what doesn't belong there. Dot files belong to tools and may come and
/// go.
fn problems<'a>(files: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let top: BTreeSet<&str> = files
        .into_iter()
        .filter_map(|file| file.split('/').next())
        .collect();
    let missing = TOP
        .iter()
        .filter(|name| !top.contains(*name))
        .map(|name| format!("{name}: missing at the top level"));
    let strange = top
        .iter()
        .filter(|name| !name.starts_with('.') && !TOP.contains(name))
        .map(|name| format!("{name}: does not belong at the top level"));
    missing.chain(strange).collect()
}

#[test]
fn the_top_level_is_what_it_should_be() {
    assert_none(&problems(tree::files().iter().map(String::as_str)));
}

#[test]
fn what_is_missing_or_strange_is_named() {
    let files = TOP.iter().map(|name| {
        if name.contains('.') {
            (*name).to_owned()
        } else {
            format!("{name}/x")
        }
    });
    let mut files: Vec<_> = files.filter(|file| file != "README.md").collect();
    files.extend([".ci/run".to_owned(), "notes/today.md".to_owned()]);
    assert_eq!(
        problems(files.iter().map(String::as_str)),
        [
            "README.md: missing at the top level",
            "notes: does not belong at the top level"
        ]
    );
}
