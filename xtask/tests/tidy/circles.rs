//! Rooms form a DAG: whoever reads one can read what it stands on first, and what stands on it later.
//!
//! A room is a module at the top of a crate, with all that is below it. An arrow goes from a room to each that its code
//! names, tests left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::rooms::resolved;
use crate::{assert_none, source, tree};

/// The sources whose top modules are rooms.
const HOUSES: [&str; 2] = ["host/src/", "host/cli/src/"];

/// Rooms, each with those that it names and one place where it does.
pub(crate) type Arrows = BTreeMap<String, BTreeMap<String, String>>;

/// The room of a file, and its module as a path from `crate`; none for the root, tests and programs.
fn place<'a>(house: &str, file: &'a str) -> Option<(&'a str, Vec<&'a str>)> {
    let path = file.strip_prefix(house)?.strip_suffix(".rs")?;
    let parts: Vec<_> = path.split('/').collect();
    let room = *parts.first()?;
    let of_tests = |part: &&str| *part == "tests" || part.ends_with("_tests");
    if matches!(room, "lib" | "main" | "bin") || parts.iter().any(of_tests) {
        return None;
    }
    let modules = parts.iter().copied().filter(|part| *part != "mod");
    Some((room, std::iter::once("crate").chain(modules).collect()))
}

/// The arrows of one house, and names at its root that hide one.
pub(crate) fn arrows(house: &str, files: &[(String, String)]) -> (Arrows, Vec<String>) {
    let placed = || {
        files
            .iter()
            .filter_map(|(file, text)| Some((file, text, place(house, file)?)))
    };
    let rooms: BTreeSet<&str> = placed().map(|(_, _, (room, _))| room).collect();
    let (mut arrows, mut hidden) = (Arrows::new(), Vec::new());
    for (file, text, (room, module)) in placed() {
        for named in source::paths(text) {
            let path = resolved(&named.segments, &module);
            let [first, to, ..] = path.as_slice() else {
                continue;
            };
            if *first != "crate" || *to == room {
                continue;
            }
            let at = format!("{file}:{}", named.line);
            if rooms.contains(to) {
                let from = arrows.entry(room.to_owned()).or_default();
                from.entry((*to).to_owned()).or_insert(at);
            } else if named.segments.first() == Some(&"crate") && to.starts_with(char::is_uppercase)
            {
                hidden.push(format!(
                    "{at}: name `{to}` by its room, not by `crate::{to}`"
                ));
            }
        }
    }
    (arrows, hidden)
}

/// The arrows between rooms that reach each other.
fn circles(arrows: &Arrows) -> Vec<String> {
    let reached = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(room) = next.pop() {
            for to in arrows.get(room).into_iter().flatten().map(|(to, _)| to) {
                if reached.insert(to.as_str()) {
                    next.push(to);
                }
            }
        }
        reached
    };
    let reach: BTreeMap<&str, _> = arrows
        .keys()
        .map(|room| (room.as_str(), reached(room)))
        .collect();
    let mut circles = Vec::new();
    for (from, to, at) in arrows
        .iter()
        .flat_map(|(from, tos)| tos.iter().map(move |(to, at)| (from, to, at)))
    {
        if reach
            .get(to.as_str())
            .is_some_and(|reached| reached.contains(from.as_str()))
        {
            circles.push(format!(
                "{at}: `{from}` names `{to}`, which reaches `{from}`"
            ));
        }
    }
    circles
}

#[test]
fn rooms_form_no_circle() {
    let files: Vec<_> = tree::texts().collect();
    let mut problems = Vec::new();
    for house in HOUSES {
        let (arrows, hidden) = arrows(house, &files);
        problems.extend(hidden);
        problems.extend(circles(&arrows));
    }
    assert_none(&problems);
}

#[cfg(test)]
mod tests {
    use super::{arrows, circles};

    /// What is wrong with a house of these files.
    fn check(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files
            .iter()
            .map(|(file, text)| (format!("host/src/{file}"), (*text).to_owned()))
            .collect();
        let (arrows, hidden) = arrows("host/src/", &files);
        [hidden, circles(&arrows)].concat()
    }

    #[test]
    fn two_rooms_that_name_each_other() {
        let found = check(&[
            ("bus/mod.rs", "use crate::policy::Topic;"),
            (
                "bus/index.rs",
                "use super::super::policy::Topic; use super::Message;",
            ),
            ("policy.rs", "use std::fmt;\nuse crate::bus::Message;"),
            ("host.rs", "use crate::{bus, policy};"),
        ]);
        assert_eq!(
            found,
            [
                "host/src/bus/mod.rs:1: `bus` names `policy`, which reaches `bus`",
                "host/src/policy.rs:2: `policy` names `bus`, which reaches `policy`",
            ]
        );
    }

    #[test]
    fn a_circle_of_three_and_a_name_that_hides_an_arrow() {
        let found = check(&[
            ("a.rs", "use crate::b::B;"),
            ("b/mod.rs", "use crate::c::C;"),
            ("c.rs", "use crate::A;"),
            ("lib.rs", "pub use a::A; mod a;"),
        ]);
        assert_eq!(
            found,
            ["host/src/c.rs:1: name `A` by its room, not by `crate::A`"]
        );
        let found = check(&[
            ("a.rs", "use crate::b::B;"),
            ("b/mod.rs", "use crate::c::C;"),
            ("c.rs", "fn f() { crate::a::g() }"),
        ]);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn tests_may_name_what_they_like() {
        let found = check(&[
            ("a.rs", "use crate::b::B;"),
            ("b/mod.rs", "#[cfg(test)]\nmod tests { use crate::a::A; }"),
            ("b/tests.rs", "use crate::a::A;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
