//! The page of limits is the table.

use std::fmt::Write as _;
use std::path::Path;

use astrid_host::limits::TABLE;

/// Set to write the page instead of comparing it.
const UPDATE: &str = "UPDATE_GOLDEN";

const HEAD: &str = "# Limits

Everything that a capsule, a caller or a file controls has a limit. This page is made from the table in
`host/src/limits.rs` (`UPDATE_GOLDEN=1 cargo test --workspace --test limits` writes it anew); `astrid limits` shows it
with what a home has set. A number of the contract is the same on every
host; one with a key can be set in `etc/config.toml`: `limits.memory` is `memory` below `[limits]`.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut area = "";
    for limit in TABLE {
        if limit.area != area {
            area = limit.area;
            let head = "| limit | value | from | key |\n|---|---|---|---|";
            write!(page, "\n## {area}\n\n{head}\n").expect("a string takes it");
        }
        let what = limit.what.trim().trim_end_matches('.').replace('|', "\\|");
        let key = limit.key.map(|key| format!("`{key}`"));
        let (amount, source, key) = (limit.amount, limit.source, key.unwrap_or_default());
        writeln!(page, "| {what} | {amount} | {source} | {key} |").expect("a string takes it");
    }
    page
}

#[test]
fn the_page_of_limits_is_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, page()).expect("the page can be written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page(),
        "host/docs/limits.md is not the table. To renew it: {UPDATE}=1 cargo test --test limits"
    );
}

#[test]
fn each_limit_says_what_it_is_and_no_two_have_a_name() {
    let mut names = std::collections::BTreeSet::new();
    for limit in TABLE {
        assert!(!limit.what().is_empty(), "{}", limit.name);
        assert!(names.insert(limit.name), "{}", limit.name);
    }
    assert!(names.len() > 80, "{}", names.len());
}
