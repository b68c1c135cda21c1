//! Guests that do what a capsule must not: what is said about it, and that they may be asked again.

use std::path::PathBuf;

use astrid_e2e::command::Astrid;
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use serde_json::{Value, json};

use crate::report::{Judged, Report, error, same, verdict};

/// What a guest is asked that it must not do, how that is called, and something that is said about it.
type Case = (Guest, &'static [&'static str], &'static str, &'static str);

/// Those that get no answer across.
const FAILURES: &[Case] = &[
    (Guest::EndlessLoop, &["misbehave"], "cpu-timeout", "300ms"),
    (Guest::EndlessCalls, &["misbehave"], "cpu-timeout", "300ms"),
    (
        Guest::Sleeper,
        &["misbehave", "--timeout", "200ms"],
        "wall-timeout",
        "200ms",
    ),
    (Guest::MemoryHog, &["misbehave"], "memory", "8388608"),
    (
        Guest::DeepRecursion,
        &["misbehave"],
        "stack-overflow",
        "stack",
    ),
    (
        Guest::DeepRecursion,
        &["nest", "--payload", "100000"],
        "stack-overflow",
        "stack",
    ),
    (Guest::DeepMemory, &["misbehave"], "stack-overflow", "stack"),
    (Guest::Panic, &["misbehave"], "panic", "on purpose"),
    (Guest::Unreachable, &["misbehave"], "trap", "unreachable"),
    (Guest::HugeLine, &["misbehave"], "too-large", "25165824"),
    (Guest::StrayString, &["misbehave"], "trap", "out of bounds"),
    (Guest::NotUtf8, &["log"], "trap", "utf-8"),
    (Guest::NotUtf8, &["misbehave"], "trap", "utf-8"),
    (Guest::LongVerdict, &["misbehave"], "no-verdict", "xxxx"),
    (
        Guest::HugeAnswer,
        &["answer", "--payload", "62914560"],
        "too-large",
        "25165824",
    ),
];

/// All of them, in a home of their own.
pub(crate) fn guests(report: &mut Report, binary: PathBuf) -> Result<(), String> {
    let astrid = Astrid::new(binary, &folders::guests("workspace"))?;
    report.chapter("What becomes of capsules that misbehave");
    for &(guest, asked, kind, saying) in FAILURES {
        install(&astrid, guest)?;
        let misbehave = [&["invoke", guest.name()], asked].concat();
        report.ask(&astrid, &misbehave, 1, error(kind, saying));
        behaves(report, &astrid, guest);
    }

    report.chapter("What becomes of capsules that want too much");
    for guest in [Guest::TableHog, Guest::Grower, Guest::LogFlood] {
        install(&astrid, guest)?;
    }
    let hog = ["invoke", "table-hog", "misbehave"];
    report.ask(&astrid, &hog, 0, verdict("final", json!(20_000)));
    behaves(report, &astrid, Guest::TableHog);
    let grow = ["invoke", "grower", "grow", "--payload", r#"{"mib": 1000}"#];
    report.ask(&astrid, &grow, 0, |document| {
        match document["data"].as_u64() {
            Some(56..64) => Ok(format!("{} MiB of 64", document["data"])),
            _ => Err(format!("it has {} MiB of 64", document["data"])),
        }
    });
    let flood = ["invoke", "log-flood", "misbehave"];
    report.ask(&astrid, &flood, 0, verdict("continue", json!(null)));
    report.ask(&astrid, &["logs", "log-flood"], 0, all_lines_counted);
    behaves(report, &astrid, Guest::LogFlood);

    // The system doesn't pass on an argument that is much longer.
    let action = "x".repeat(100_000);
    let refused = error("usage", "1 to 256 bytes, not 100000");
    report.ask(&astrid, &["invoke", "table-hog", &action], 2, refused);
    behaves(report, &astrid, Guest::TableHog);
    Ok(())
}

/// Installs a guest.
/// Installs a guest.
pub(crate) fn install(astrid: &Astrid, guest: Guest) -> Result<(), String> {
    let folder = guest
        .lay_out(&astrid.workspace())
        .map_err(|error| format!("{guest:?} can't be written: {error}"))?;
    let output = astrid.run(&["install", &folder.to_string_lossy(), "--yes"]);
    if output.code == 0 {
        Ok(())
    } else {
        Err(output.to_string())
    }
}

/// Asks a guest for nothing bad.
fn behaves(report: &mut Report, astrid: &Astrid, guest: Guest) {
    let behave = ["invoke", guest.name(), "behave"];
    report.ask(astrid, &behave, 0, verdict("continue", json!(null)));
}

/// Judges the log of the flood: what isn't in it is counted in it.
fn all_lines_counted(document: &Value) -> Judged {
    let (mut kept, mut dropped) = (0, 0);
    for line in document.as_array().into_iter().flatten() {
        let message = line["message"].as_str().unwrap_or_default();
        match message.split_once(' ') {
            Some(("line", _)) => kept += 1,
            Some((count, rest)) if rest.contains("lines were dropped") => {
                dropped += count.parse::<u64>().unwrap_or_default();
            }
            _ => return Err(format!("a line says {message:?}")),
        }
    }
    same(&json!(kept + dropped), &json!(100_000))?;
    Ok(format!("{kept} lines kept, {dropped} dropped and counted"))
}
