//! What a program that embeds the library gets with it: no command line, no terminal, no maker of components.

use std::{collections::BTreeSet, process::Command};

use crate::{assert_none, tree};

/// What the library itself may not depend on: the command does.
const NOT_DIRECTLY: &[&str] = &[
    "anstream",
    "anstyle",
    "clap",
    "comfy-table",
    "glob",
    "indicatif",
    "toml_edit",
    "tracing-appender",
    "tracing-subscriber",
    "wasm-encoder",
    "wit-component",
];

/// What nothing that the library links may depend on either. An engine has its own need of some of the above.
const NOWHERE: &[&str] = &[
    "clap",
    "comfy-table",
    "indicatif",
    "tracing-appender",
    "tracing-subscriber",
];

/// The library's packages as cargo lists them, a line each.
fn listed(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--frozen", "--prefix", "none", "--format", "{p}"])
        .args(["--package", "astrid-host", "--edges"])
        .args(arguments)
        .current_dir(tree::root())
        .output()
        .expect("the cargo that runs this test can be run again");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The packages of a list that may not be in it.
fn problems(listed: &str, may_not: &[&str], edges: &str) -> Vec<String> {
    let packages: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    may_not
        .iter()
        .filter(|package| packages.contains(*package))
        .map(|package| {
            format!(
                "host/Cargo.toml: an embedder gets `{package}` with the library: see \
                 `cargo tree -p astrid-host -e {edges} -i {package}`"
            )
        })
        .collect()
}

#[test]
fn the_library_comes_without_the_command() {
    let (direct, all) = ("normal", "normal,no-proc-macro");
    let mut found = problems(&listed(&[direct, "--depth", "1"]), NOT_DIRECTLY, direct);
    found.extend(problems(&listed(&[all]), NOWHERE, all));
    assert_none(&found);
}

#[test]
fn a_package_that_may_not_be_listed_is_found() {
    let listed = "astrid-host v1.0.0 (host)\nclap v4.6.0\nclap_lex v1.0.0 (*)\n\nserde v1.0.0\n";
    assert_eq!(
        problems(listed, &["clap", "indicatif"], "normal"),
        [
            "host/Cargo.toml: an embedder gets `clap` with the library: see `cargo tree -p astrid-host -e normal -i clap`"
        ]
    );
    assert!(problems(listed, &["lex", "clap_builder"], "normal").is_empty());
}
