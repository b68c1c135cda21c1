//! Every module begins by saying what it is for, what may enter it and what must not.

use crate::{assert_none, tree};

/// Where the rule holds.
const FOLDERS: &[&str] = &[
    "host/src/",
    "host/cli/src/",
    "host/fuzz/fuzz_targets/",
    "sdk/src/",
    "sdk-macros/src/",
    "xtask/src/",
    "xtask/tests/",
    "tests/src/",
    "tests/programs/",
];

/// The problem of one file, if it has one.
fn problem(file: &str, text: &str) -> Option<String> {
    let bound = file.ends_with(".rs") && FOLDERS.iter().any(|folder| file.starts_with(folder));
    (bound && !text.starts_with("//!")).then(|| format!("{file}: does not begin with `//!`"))
}

#[test]
fn every_module_begins_with_its_purpose() {
    assert_none(
        &tree::texts()
            .filter_map(|(file, text)| problem(&file, &text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn only_modules_of_the_rooms_are_bound() {
    assert_eq!(problem("host/src/bus/mod.rs", "//! The bus.\n"), None);
    assert_eq!(
        problem("host/src/bus/mod.rs", "use std::fmt;\n//! The bus.\n").as_deref(),
        Some("host/src/bus/mod.rs: does not begin with `//!`")
    );
    assert_eq!(problem("sdk/tests/ui/unknown.rs", "fn main() {}\n"), None);
    assert_eq!(problem("host/src/README.md", "# Host\n"), None);
}
