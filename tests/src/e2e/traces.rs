//! What a command leaves behind: no home where it only reads, and no temporary folder however it ends.

use std::path::PathBuf;

use astrid_e2e::command::{Astrid, Running};
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use rustix::fs::Mode;
use rustix::process::{Signal, umask};
use serde_json::json;

use crate::ending::{is_ignored, wait};
use crate::report::{GREET, Report, error, verdict};

/// Commands that only read, or find nothing to do, with their exit codes where there is no home.
const READING: &[(&[&str], i32)] = &[
    (&["list"], 0),
    (&["verify"], 0),
    (&["principal", "list"], 0),
    (&["logs", "hello"], 1),
    (&["inspect", "hello"], 1),
    (&["check", "hello"], 1),
    (&["reload"], 1),
    (&["stop"], 1),
    (&["tools"], 0),
    (&["call", "greet"], 1),
    (&["invoke", "hello", "greet"], 1),
    (&["publish", "a.b"], 0),
    (&["remove", "hello"], 1),
    (&["principal", "disable", "alice"], 1),
    (&["principal", "enable", "alice"], 1),
    (&["install", "nowhere"], 1),
];

/// All of it, in a home of its own.
pub(crate) fn left(report: &mut Report, binary: PathBuf) -> Result<(), String> {
    let astrid = Astrid::new(binary, &folders::guests("workspace"))?;
    report.chapter("What a command leaves behind");
    for (asked, code) in READING {
        let output = astrid.run(&[asked, &["--json"][..]].concat());
        let home = astrid.home().exists();
        report.answered(&output, "", *code, |_| match home {
            false => Ok("no home is made".into()),
            true => Err("it made a home".into()),
        });
    }
    for guest in [Guest::Hello, Guest::Sleeper] {
        guest
            .lay_out(&astrid.workspace())
            .map_err(|error| error.to_string())?;
    }
    report.given("a umask that lets the group write");
    let before = umask(Mode::from_raw_mode(0o002));
    let mut greet = GREET.to_vec();
    greet[1] = "./hello";
    let greeting = json!({ "greeting": "Hello, Ada!" });
    report.ask_in(
        &astrid,
        &astrid.workspace(),
        &greet,
        "",
        0,
        verdict("final", greeting),
    );
    umask(before);
    for (signal, name, code) in [
        (Signal::INT, "Ctrl-C", 130),
        (Signal::TERM, "SIGTERM", 143),
        (Signal::HUP, "SIGHUP", 129),
    ] {
        // What these scenarios were started with is passed on to the command, which leaves it so.
        if is_ignored(signal) {
            report.note(&format!("  {name} is ignored here"));
            continue;
        }
        let call = astrid.start(&["invoke", "./sleeper", "misbehave"]);
        if !wait(|| call.warned().contains("asleep")) {
            return Err(format!("it doesn't hang: {}", call.kill()));
        }
        report.given(&format!("{name} during a call in a throw-away home"));
        let (held, left) = ended(&astrid, call, signal);
        report.line(
            &format!("the temporary folder after {name}"),
            match (held, left) {
                (1, (0, ended)) if ended == code => Ok(format!("removed, exit code {code}")),
                other => Err(format!("{other:?}")),
            },
            String::new,
        );
    }
    report.ask(
        &astrid,
        &["invoke", "nobody", "greet"],
        1,
        error("not-found", "nobody"),
    );
    Ok(())
}

/// The number of temporary folders before a process was ended, and afterwards with its exit code.
fn ended(astrid: &Astrid, process: Running, signal: Signal) -> (usize, (usize, i32)) {
    let before = folders_of(astrid);
    process.signal(signal);
    let code = process.wait().code;
    (before, (folders_of(astrid), code))
}

fn folders_of(astrid: &Astrid) -> usize {
    let entries = std::fs::read_dir(astrid.temporary()).into_iter().flatten();
    let temporary = entries.flatten().filter(|entry| entry.path().is_dir());
    temporary.count()
}
