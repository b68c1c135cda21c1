//! No room of the host names what it may not know. The table is what keeps the policy testable without an
//! engine, and the engine ignorant of what is built on it.

use std::collections::BTreeSet;

use crate::{assert_none, source, tree};

/// A room and the paths that its code may not name, each a crate, a module or an item in full.
struct Room {
    path: &'static str,
    may_not: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room {
        path: "host/src/manifest",
        may_not: &[
            "wasmtime",
            "tokio",
            "std::fs",
            "crate::engine",
            "crate::policy",
        ],
    },
    Room {
        path: "host/src/exports",
        may_not: &["wasmtime", "tokio", "std::fs", "crate::engine"],
    },
    Room {
        path: "host/src/policy",
        may_not: &[
            "wasmtime",
            "tokio",
            "std::fs",
            "std::process",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::ToSocketAddrs",
            "std::net::UdpSocket",
            "crate::engine",
        ],
    },
    Room {
        path: "host/src/payload",
        may_not: &[
            "wasmtime",
            "tokio",
            "std::fs",
            "crate::engine",
            "crate::bus",
        ],
    },
    Room {
        path: "host/src/package",
        may_not: &[
            "wasmtime",
            "crate::engine",
            "crate::capsule",
            "crate::domain",
        ],
    },
    Room {
        path: "host/src/bus",
        may_not: &["wasmtime", "crate::engine", "crate::domain"],
    },
    Room {
        path: "host/src/dispatch",
        may_not: &["wasmtime", "crate::engine", "crate::domain"],
    },
    Room {
        path: "host/src/engine",
        may_not: &[
            "crate::domain",
            "crate::manifest",
            "crate::capsule",
            "crate::host",
        ],
    },
    // It carries the domains' parts, and knows none of them.
    Room {
        path: "host/src/capsule",
        may_not: &[
            "crate::domain::io",
            "crate::domain::ipc",
            "crate::domain::kv",
            "crate::domain::sys",
            "crate::host",
        ],
    },
    Room {
        path: "host/src/storage",
        may_not: &["wasmtime", "crate::engine", "crate::domain"],
    },
    Room {
        path: "host/src/vfs",
        may_not: &["wasmtime", "crate::engine", "crate::domain"],
    },
    Room {
        path: "host/src/control",
        may_not: &["wasmtime", "crate::engine", "crate::domain"],
    },
    Room {
        path: "host/cli/src/authoring",
        may_not: &[
            "wasmtime",
            "tokio",
            "clap",
            "anstream",
            "anstyle",
            "astrid_host::wasmtime",
            "astrid_host::engine",
            "astrid_host::capsule",
            // Of the domains it may know the tables of their gates.
            "astrid_host::domain::Domain",
            "astrid_host::domain::StoreState",
            "astrid_host::domain::View",
            "astrid_host::Host",
        ],
    },
    Room {
        path: "host/cli/src/authoring/check",
        may_not: &["std::fs", "std::process"],
    },
    Room {
        path: "host/cli/src/bin",
        may_not: &["wasmtime", "astrid_host::wasmtime"],
    },
];

/// The one domain that others may name: its pollables and streams are in their signatures.
const SHARED_DOMAIN: &str = "io";

/// What a file names though its room, or its domain, may not know it.
fn problems(file: &str, text: &str, domains: &BTreeSet<String>) -> Vec<String> {
    let Some(module) = module_of(file) else {
        return Vec::new();
    };
    let rooms: Vec<_> = ROOMS
        .iter()
        .filter(|room| is_below(file, room.path))
        .collect();
    let domain = domains
        .iter()
        .find(|domain| is_below(file, &format!("host/src/domain/{domain}")));
    if rooms.is_empty() && domain.is_none() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for named in source::paths(text) {
        let path = resolved(&named.segments, &module);
        for room in &rooms {
            if let Some(what) = room.may_not.iter().find(|what| begins_with(&path, what)) {
                problems.push(format!(
                    "{file}:{}: `{}` may not know `{what}`",
                    named.line, room.path
                ));
            }
        }
        if let (Some(domain), ["crate", "domain", other, ..]) = (domain, path.as_slice())
            && domain != other
            && *other != SHARED_DOMAIN
            && domains.contains(*other)
        {
            problems.push(format!(
                "{file}:{}: the domain `{domain}` may not know `{other}`",
                named.line
            ));
        }
    }
    problems
}

/// The module that a file of the host or of the command is, as a path from `crate`; none for tests and for what is no
/// module.
fn module_of(file: &str) -> Option<Vec<&str>> {
    let path = ["host/src/", "host/cli/src/"]
        .iter()
        .find_map(|folder| file.strip_prefix(folder))?;
    let path = path.strip_suffix(".rs")?;
    let mut module = vec!["crate"];
    module.extend(
        path.split('/')
            .filter(|part| !matches!(*part, "mod" | "lib")),
    );
    (!module.contains(&"tests")).then_some(module)
}

pub(crate) fn is_below(file: &str, path: &str) -> bool {
    file.strip_prefix(path)
        .is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

/// A path from `crate` where it is written from `self` or `super`.
pub(crate) fn resolved<'a>(segments: &[&'a str], module: &[&'a str]) -> Vec<&'a str> {
    let supers = segments
        .iter()
        .take_while(|segment| **segment == "super")
        .count();
    match segments.first() {
        Some(&"self") => [module, &segments[1..]].concat(),
        Some(&"super") => [
            &module[..module.len().saturating_sub(supers)],
            &segments[supers..],
        ]
        .concat(),
        _ => segments.to_vec(),
    }
}

fn begins_with(path: &[&str], prefix: &str) -> bool {
    let mut segments = path.iter();
    prefix
        .split("::")
        .all(|part| segments.next() == Some(&part))
}

/// The names of the domains: those of the packages of the contract.
fn domains(files: &[String]) -> BTreeSet<String> {
    files
        .iter()
        .filter_map(|file| {
            Some(
                file.strip_prefix("wit/deps/")?
                    .split_once('@')?
                    .0
                    .replace('-', "_"),
            )
        })
        .collect()
}

#[test]
fn no_room_names_what_it_may_not_know() {
    let domains = domains(&tree::files());
    assert!(domains.contains("sys"), "{domains:?}");
    let problems: Vec<_> = tree::texts()
        .flat_map(|(file, text)| problems(&file, &text, &domains))
        .collect();
    assert_none(&problems);
}

#[cfg(test)]
mod tests {
    use super::problems;

    #[track_caller]
    fn check(file: &str, text: &str, expected: &[&str]) {
        let domains = ["io", "kv", "sys"].map(str::to_owned).into();
        assert_eq!(problems(file, text, &domains), expected);
    }

    #[test]
    fn a_crate_that_a_room_may_not_know() {
        check(
            "host/src/manifest/parse.rs",
            "use std::fmt;\nfn f() { wasmtime::Engine::default(); }",
            &["host/src/manifest/parse.rs:2: `host/src/manifest` may not know `wasmtime`"],
        );
    }

    #[test]
    fn a_room_of_the_command_and_the_rooms_within_it() {
        check(
            "host/cli/src/authoring/check/imports.rs",
            "use std::fs;\nuse astrid_host::{Host, engine::Engine, exports::Binary};",
            &[
                "host/cli/src/authoring/check/imports.rs:1: `host/cli/src/authoring/check` may not know `std::fs`",
                "host/cli/src/authoring/check/imports.rs:2: `host/cli/src/authoring` may not know `astrid_host::Host`",
                "host/cli/src/authoring/check/imports.rs:2: `host/cli/src/authoring` may not know `astrid_host::engine`",
            ],
        );
        check("host/cli/src/authoring/compile.rs", "use std::fs;", &[]);
    }

    #[test]
    fn a_module_of_std_hidden_in_a_tree() {
        check(
            "host/src/policy.rs",
            "use std::{fmt, net::{IpAddr, TcpStream}};",
            &["host/src/policy.rs:1: `host/src/policy` may not know `std::net::TcpStream`"],
        );
    }

    #[test]
    fn names_that_only_look_alike() {
        check(
            "host/src/manifest/mod.rs",
            "use wasmtime_like::x; use crate::fs::tokio;",
            &[],
        );
        check("host/src/manifesto.rs", "use wasmtime::x;", &[]);
    }

    #[test]
    fn tests_may_read_files() {
        check(
            "host/src/manifest/mod.rs",
            "#[cfg(test)]\nmod tests { use std::fs; }",
            &[],
        );
        check("host/src/manifest/tests.rs", "use std::fs;", &[]);
    }

    #[test]
    fn a_domain_may_not_know_another() {
        let expected = ["host/src/domain/kv/mod.rs:1: the domain `kv` may not know `sys`"];
        check(
            "host/src/domain/kv/mod.rs",
            "use crate::domain::sys::SysCtx;",
            &expected,
        );
        check(
            "host/src/domain/kv/mod.rs",
            "use super::sys::SysCtx;",
            &expected,
        );
        check(
            "host/src/domain/kv/mod.rs",
            "use crate::domain::{Gate, kv::KvCtx, io::Pollable};",
            &[],
        );
        check(
            "host/src/domain/mod.rs",
            "use self::{kv::KvCtx, sys::SysCtx};",
            &[],
        );
    }
}
