//! The wall clock can be set, and jumps when a machine was suspended. So the host reads it only for what is shown or
//! written down; every pause, backoff, rate and lease is on a monotonic clock.

use crate::{assert_none, source, tree};

/// What tells the time of day.
const WALL_CLOCKS: &[&[&str]] = &[
    &["SystemTime", "now"],
    &["Timestamp", "now"],
    &["Zoned", "now"],
];

/// Where it is read, and what for.
const MAY_READ: &[(&str, &str)] = &[
    ("host/src/bus/mod.rs", "an event's time"),
    ("host/src/domain/sys/host.rs", "a guest's clock"),
    ("host/src/package/install.rs", "when it was installed"),
    ("host/src/principal/scope.rs", "a log line's time"),
    ("host/src/storage/", "log files are named by days"),
];

/// Where a file reads it though it may not.
fn problems(file: &str, text: &str) -> Vec<String> {
    let bound = ["host/src/", "host/cli/src/"]
        .iter()
        .any(|folder| file.starts_with(folder));
    let bound = bound && file.ends_with(".rs");
    if !bound || MAY_READ.iter().any(|(path, _)| file.starts_with(path)) {
        return Vec::new();
    }
    let reads = |named: &source::Named<'_>| {
        WALL_CLOCKS
            .iter()
            .any(|clock| named.segments.ends_with(clock))
    };
    source::paths(text)
        .iter()
        .filter(|named| reads(named))
        .map(|named| {
            let path = named.segments.join("::");
            format!(
                "{file}:{}: `{path}` is the wall clock, which may jump: use `Instant`",
                named.line
            )
        })
        .collect()
}

#[test]
fn the_wall_clock_is_read_only_for_what_is_written_down() {
    let problems: Vec<_> = tree::texts()
        .flat_map(|(file, text)| problems(&file, &text))
        .collect();
    assert_none(&problems);
}

#[test]
fn a_pause_on_the_wall_clock_is_found() {
    let text = "use std::time;\nfn f() { let until = time::SystemTime::now(); }\n";
    assert_eq!(
        problems("host/src/capsule/circuit.rs", text),
        [
            "host/src/capsule/circuit.rs:2: `time::SystemTime::now` is the wall clock, which may jump: use `Instant`"
        ]
    );
    assert!(problems("host/src/storage/logs.rs", text).is_empty());
    assert!(problems("host/src/bus/rate.rs", "fn f() { Instant::now(); }").is_empty());
}
