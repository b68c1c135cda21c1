//! What cargo resolves: an embedder gets no command line, no terminal and no maker of components with the library, and
//! whichever packages are built share one wasmtime.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use crate::{assert_none, tree};

/// What the library itself may not depend on: the command does.
const NOT_DIRECTLY: &[&str] = &[
    "anstream",
    "anstyle",
    "clap",
    "comfy-table",
    "glob",
    "indicatif",
    "tracing-appender",
    "tracing-subscriber",
    "wasm-encoder",
    "wit-component",
];

/// What nothing that the library links may depend on either. The engine has its own need of some of the above.
const NOWHERE: &[&str] = &[
    "clap",
    "comfy-table",
    "indicatif",
    "tracing-appender",
    "tracing-subscriber",
];

/// What is built apart from each other. Without its tests the library is not among them: it is built as an embedder has
/// it, without the features that the command's `wit-component` asks for.
const BUILDS: &[&[&str]] = &[
    &["--workspace", "--edges", "normal,build,dev"],
    &["--workspace", "--edges", "normal,build"],
    &["--package", "astrid-cli", "--edges", "normal,build"],
    &["--package", "astrid-e2e", "--edges", "normal,build"],
    &["--package", "astrid-host", "--edges", "normal,build,dev"],
];

/// A package with its version, and its features where it is linked and where it only builds others.
type Packages = BTreeMap<String, BTreeSet<String>>;

/// The packages that cargo resolves for these arguments of `cargo tree`.
fn resolved(arguments: &[&str]) -> Packages {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--prefix", "none"])
        .args(["--format", "{p}|{f}"])
        .args(arguments)
        .current_dir(tree::root())
        .output()
        .expect("the cargo that runs this test can be run again");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree {arguments:?}: {said}");
    read(&String::from_utf8_lossy(&output.stdout))
}

/// Reads a list whose lines are `name v1.2.3 (where or what)|feature,feature (*)`.
fn read(list: &str) -> Packages {
    let mut packages = Packages::new();
    for line in list.lines() {
        let Some((package, features)) = line.split_once('|') else {
            continue;
        };
        let package = package.split(" (").next().unwrap_or(package);
        let features = features.trim_end_matches(" (*)");
        let known = packages.entry(package.to_owned()).or_default();
        known.insert(features.to_owned());
    }
    packages
}

/// The packages that may not be there and are.
fn forbidden(packages: &Packages, may_not: &[&str], edges: &str) -> Vec<String> {
    let names: BTreeSet<&str> = packages
        .keys()
        .filter_map(|package| package.split(' ').next())
        .collect();
    may_not
        .iter()
        .filter(|package| names.contains(*package))
        .map(|package| {
            format!(
                "host/Cargo.toml: an embedder gets `{package}` with the library: see \
                 `cargo tree -p astrid-host -e {edges} -i {package}`"
            )
        })
        .collect()
}

/// The packages of `of` that one build has with other features than another.
fn different(of: &Packages, one: &Packages, another: &Packages, builds: [&str; 2]) -> Vec<String> {
    let [here, there] = builds;
    of.keys()
        .filter_map(|package| Some((package, one.get(package)?, another.get(package)?)))
        .filter(|(_, one, another)| one != another)
        .map(|(package, one, another)| {
            format!(
                "Cargo.toml: `{package}` is compiled twice, and what needs it: {one:?} for `{here}`, {another:?} for \
                 `{there}`"
            )
        })
        .collect()
}

#[test]
fn the_library_comes_without_the_command() {
    let library = ["--package", "astrid-host", "--edges"];
    let (direct, all) = ("normal", "normal,no-proc-macro");
    let first = resolved(&[&library[..], &[direct, "--depth", "1"]].concat());
    let whole = resolved(&[&library[..], &[all]].concat());
    let mut problems = forbidden(&first, NOT_DIRECTLY, direct);
    problems.extend(forbidden(&whole, NOWHERE, all));
    assert_none(&problems);
}

#[test]
fn one_wasmtime_is_compiled() {
    let wasmtime = resolved(&["--package", "wasmtime", "--edges", "normal,build"]);
    let [first, rest @ ..] = BUILDS else {
        panic!("no builds");
    };
    let all = resolved(first);
    let problems: Vec<_> = rest
        .iter()
        .flat_map(|build| {
            let builds = [&first.join(" ")[..], &build.join(" ")];
            different(&wasmtime, &all, &resolved(build), builds)
        })
        .collect();
    assert_none(&problems);
}

#[test]
fn a_package_that_may_not_be_there_is_found() {
    let packages = read(
        "astrid-host v1.0.0 (host)|\nclap v4.6.0|derive,std (*)\nclap_lex v1.0.0|\n\nserde v1.0.0|std\n",
    );
    assert_eq!(
        forbidden(&packages, &["clap", "indicatif"], "normal"),
        [
            "host/Cargo.toml: an embedder gets `clap` with the library: see `cargo tree -p astrid-host -e normal -i clap`"
        ]
    );
    assert!(forbidden(&packages, &["lex", "clap_builder"], "normal").is_empty());
}

#[test]
fn features_that_differ_are_found() {
    let of = read("a v1.0.0|\nb v1.0.0|std\n");
    let one = read("a v1.0.0|\nb v1.0.0|std\nb v1.0.0|\nother v1.0.0|std");
    let another = read("a v1.0.0 (proc-macro)|\nb v1.0.0|std\nother v1.0.0|");
    assert_eq!(
        different(&of, &one, &another, ["x", "y"]),
        [
            r#"Cargo.toml: `b v1.0.0` is compiled twice, and what needs it: {"", "std"} for `x`, {"std"} for `y`"#
        ]
    );
    assert!(different(&of, &one, &of, ["x", "y"]).len() == 1);
    assert!(different(&of, &of, &read("a v1.0.0|\n"), ["x", "y"]).is_empty());
}
