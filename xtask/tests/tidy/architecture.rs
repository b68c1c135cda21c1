//! The architecture page has every room of the library, in an order in which arrows go down, and none that is not there.

use std::collections::BTreeSet;

use crate::circles::arrows;
use crate::{assert_none, tree};

const PAGE: &str = "host/docs/architecture.md";
const HOUSE: &str = "host/src/";

/// The rooms of a page, in its order: what begins a paragraph as **`room`**.
fn rooms_of(page: &str) -> Vec<&str> {
    let lines = page.lines();
    lines
        .filter_map(|line| line.strip_prefix("**`")?.split_once("`**"))
        .map(|(room, _)| room)
        .collect()
}

/// What is wrong with a page of a house with these files.
fn problems(page: &str, files: &[(String, String)]) -> Vec<String> {
    let (listed, (arrows, _)) = (rooms_of(page), arrows(HOUSE, files));
    let rooms: BTreeSet<&str> = files
        .iter()
        .filter_map(|(file, _)| file.strip_prefix(HOUSE)?.strip_suffix(".rs"))
        .filter_map(|path| path.split('/').next())
        .filter(|room| *room != "lib")
        .collect();
    let known: BTreeSet<&str> = listed.iter().copied().collect();
    let mut problems = Vec::new();
    for room in rooms.difference(&known) {
        problems.push(format!("{PAGE}: the room `{room}` is missing"));
    }
    for room in known.difference(&rooms) {
        problems.push(format!("{PAGE}: there is no room `{room}`"));
    }
    if known.len() < listed.len() {
        problems.push(format!("{PAGE}: a room is there twice"));
    }
    let at = |room: &str| listed.iter().position(|listed| *listed == room);
    for (from, to, place) in arrows
        .iter()
        .flat_map(|(from, tos)| tos.iter().map(move |(to, place)| (from, to, place)))
    {
        if let (Some(from_at), Some(to_at)) = (at(from), at(to))
            && from_at > to_at
        {
            problems.push(format!(
                "{PAGE}: `{from}` stands below `{to}`, which it names ({place})"
            ));
        }
    }
    problems
}

/// The tests that a page names for its invariants, in the rows of its table: names of functions between backticks.
fn tests_of(page: &str) -> impl Iterator<Item = &str> {
    let rows = page.lines().filter(|line| {
        let number = line.strip_prefix("| ").and_then(|row| row.chars().next());
        number.is_some_and(|first| first.is_ascii_digit())
    });
    let names = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    names.filter(|name| name.contains('_') && !name.contains(['/', ' ', ':']))
}

#[test]
fn each_invariant_names_tests_that_there_are() {
    let files: Vec<_> = tree::texts().collect();
    let (_, page) = files
        .iter()
        .find(|(file, _)| file == PAGE)
        .expect("the page");
    let is_there = |name: &str| {
        let function = format!("fn {name}(");
        let mut sources = files.iter().filter(|(file, _)| file.ends_with(".rs"));
        sources.any(|(_, text)| text.contains(&function))
    };
    assert!(tests_of(page).count() > 10);
    let missing = tests_of(page).filter(|name| !is_there(name));
    let missing: Vec<_> = missing
        .map(|name| format!("{PAGE}: there is no test {name}"))
        .collect();
    assert_none(&missing);
}

#[test]
fn the_architecture_page_has_every_room_and_arrows_go_down() {
    let files: Vec<_> = tree::texts().collect();
    let page = files.iter().find(|(file, _)| file == PAGE);
    let (_, page) = page.expect("the page is there");
    assert_none(&problems(page, &files));
}

#[test]
fn a_page_that_is_not_true() {
    let files = [
        ("host/src/bus/mod.rs", "use crate::policy::Topic;"),
        ("host/src/policy.rs", ""),
        ("host/src/lib.rs", ""),
    ];
    let files = files.map(|(file, text)| (file.to_owned(), text.to_owned()));
    let check = |page| problems(page, &files);
    assert!(check("**`bus`** Topics.\n\n**`policy`** Decisions.").is_empty());
    assert_eq!(
        check("**`policy`** x\n**`bus`** x\n**`vfs`** x"),
        [
            "host/docs/architecture.md: there is no room `vfs`",
            "host/docs/architecture.md: `bus` stands below `policy`, which it names (host/src/bus/mod.rs:1)",
        ]
    );
    assert_eq!(
        check("**`bus`** Topics."),
        ["host/docs/architecture.md: the room `policy` is missing"]
    );
}
