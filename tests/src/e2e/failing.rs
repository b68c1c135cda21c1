//! Capsules that fail beside a running host: what counts against them, who is told, and where it is written down.

use std::path::PathBuf;

use astrid_e2e::command::Astrid;
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use serde_json::{Value, json};

use crate::hostile::install;
use crate::report::{Judged, Report, error, same};

/// The panicking guest, which is asked about a topic.
const FRAIL: &str = "\n[subscribe]\n\"demo.v1.asked\" = { handler = \"misbehave\" }\n";
/// So many failures within a minute are too many.
const TOO_MANY: usize = 5;

/// All of it, in a home of its own.
pub(crate) fn capsules(report: &mut Report, binary: PathBuf) -> Result<(), String> {
    let astrid = Astrid::new(binary, &folders::guests("workspace"))?;
    let here = astrid.workspace();
    install(&astrid, Guest::Redact)?;
    install(&astrid, Guest::Panic)?;
    let manifest = here.join("panic/Capsule.toml");
    Guest::Panic
        .lay_out(&here)
        .and_then(|_| std::fs::write(&manifest, Guest::Panic.manifest() + FRAIL))
        .map_err(|error| error.to_string())?;
    let installed = astrid.run(&["install", "panic", "--yes"]);
    if installed.code != 0 {
        return Err(installed.to_string());
    }
    let large = format!(r#"{{"text": "{}"}}"#, "lorem ipsum ".repeat(80_000));
    std::fs::write(here.join("large.json"), large).map_err(|error| error.to_string())?;

    report.chapter("What counts against a capsule, and who is told");
    let running = astrid.host(&["--json"])?;
    let mut ask = |asked: &[&str], code, judge: Box<dyn FnOnce(&Value) -> Judged>| {
        report.ask_in(&astrid, &here, asked, "", code, judge);
    };
    let hasty = [
        "invoke",
        "redact",
        "redact",
        "--payload",
        "@large.json",
        "--timeout",
        "1ms",
    ];
    for _ in 0..TOO_MANY + 1 {
        ask(&hasty, 1, Box::new(error("wall-timeout", "1ms")));
    }
    let mail = r#"{"text": "write to ada@example.com"}"#;
    ask(
        &["publish", "user.v1.prompt", "--payload", mail],
        0,
        Box::new(|document| {
            same(&document["steps"][0]["verdict"], &json!("rewrite"))?;
            Ok("redacted all the same: a caller's limit is the caller's".into())
        }),
    );
    for _ in 0..TOO_MANY {
        ask(
            &["invoke", "panic", "misbehave"],
            1,
            Box::new(error("panic", "on purpose")),
        );
    }
    ask(
        &["invoke", "panic", "behave"],
        1,
        Box::new(error("circuit-open", "keeps failing")),
    );
    ask(
        &["list"],
        0,
        Box::new(|listed| {
            let all = listed.as_array().into_iter().flatten();
            let refused: Vec<_> = all
                .flat_map(|one| one["refused"].as_array().into_iter().flatten())
                .map(|refused| (&refused["principal"], refused["reason"].as_str()))
                .collect();
            match refused[..] {
                [(principal, Some(reason))] if reason.contains("on purpose") => {
                    same(principal, &json!("default"))?;
                    Ok(format!("panic is not called for default: {reason}"))
                }
                _ => Err(format!("refused: {refused:?}")),
            }
        }),
    );
    ask(
        &["publish", "demo.v1.asked"],
        0,
        Box::new(|document| {
            same(&document["verdict"], &json!("continue"))?;
            same(&document["steps"][0]["verdict"], &json!("skipped"))?;
            Ok("the publisher sees that it was not asked".into())
        }),
    );
    ask(
        &["logs", "panic"],
        0,
        Box::new(|logged| {
            written(
                logged,
                "handler \"misbehave\" failed for default: panic (trace ",
            )
        }),
    );
    ask(
        &["logs", "redact"],
        0,
        Box::new(|logged| {
            written(
                logged,
                "handler \"redact\" failed for default: wall-timeout (trace ",
            )
        }),
    );
    astrid.run(&["stop"]);
    let host = running.wait();
    let said = host.stderr.matches("a call failed").count();
    let judged = if said >= TOO_MANY {
        Ok(format!(
            "{said} lines of failed calls on its standard error"
        ))
    } else {
        Err(format!(
            "{said} lines of failed calls on its standard error"
        ))
    };
    report.line("astrid run", judged, || host.to_string());
    Ok(())
}

/// A line of a log.
fn written(logged: &Value, start: &str) -> Judged {
    let lines = logged.as_array().into_iter().flatten();
    let mut messages = lines.filter_map(|line| line["message"].as_str());
    let found = messages.find(|message| message.starts_with(start));
    found
        .map(str::to_owned)
        .ok_or_else(|| format!("no line begins with {start:?}"))
}
