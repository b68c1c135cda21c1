//! Events from an operator's seat: a prompt goes through redact, guard and responder; a guard that crashes, or isn't
//! there, denies; tools are found and called whichever capsule offers them.

use std::path::PathBuf;

use astrid_e2e::command::Astrid;
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use serde_json::{Value, json};

use crate::report::{Judged, Report, error, same};

const HARMLESS: &str = r#"{"text": "write to ada@example.com"}"#;
const SECRET: &str = r#"{"text": "use ghp_0123456789abcdefghij"}"#;

/// The chain in which a prompt is answered, and what its guard is good for.
pub(crate) fn chain(report: &mut Report, binary: PathBuf) -> Result<(), String> {
    let astrid = Astrid::new(binary, &folders::guests("workspace"))?;
    report.chapter("A prompt goes through a chain of capsules");
    for name in ["observer", "redact", "guard", "responder"] {
        let folder = format!("capsules/{name}");
        report.ask(&astrid, &["install", &folder, "--yes"], 0, |_| {
            Ok("installed".into())
        });
    }
    let publish = |report: &mut Report, payload, code, judge: &dyn Fn(&Value) -> Judged| {
        let arguments = ["publish", "user.v1.prompt", "--payload", payload];
        report.ask(&astrid, &arguments, code, judge);
    };
    publish(report, HARMLESS, 0, &|outcome| {
        same(
            &outcome["payload"]["text"],
            &json!("You said: write to [e-mail]"),
        )?;
        said(
            outcome,
            "final",
            "redact: rewrite, guard: continue, observer, responder: final",
        )
    });
    publish(report, SECRET, 3, &|outcome| {
        same(
            &outcome["reason"],
            &json!("the prompt holds a GitHub token"),
        )?;
        said(outcome, "deny", "redact: continue, guard: deny")
    });

    report.given("a prompt of 800 KB, whose small objects would fill a guest's memory");
    let large = astrid.workspace().join("large.json");
    std::fs::write(&large, prompt_of_small_objects())
        .map_err(|error| format!("{large:?}: {error}"))?;
    let payload = format!("@{}", large.display());
    publish(report, &payload, 0, &|outcome| {
        same(
            &outcome["payload"]["text"],
            &json!("You said: mail [e-mail]"),
        )?;
        said(
            outcome,
            "final",
            "redact: rewrite, guard: continue, observer, responder: final",
        )
    });

    let folder = astrid.workspace().join("crashing-guard");
    lay_out_crashing_guard(&folder).map_err(|error| format!("{folder:?}: {error}"))?;
    report.given("a version of guard that crashes");
    let shown = folder.display().to_string();
    report.ask(&astrid, &["install", &shown, "--yes"], 0, |document| {
        same(&document["previous"], &json!("0.1.0"))?;
        Ok("installed in the place of 0.1.0".into())
    });
    publish(report, HARMLESS, 3, &|outcome| {
        let reason = outcome["reason"].as_str().unwrap_or_default();
        if !reason.contains("on purpose") {
            return Err(format!("{reason:?} doesn't tell how it crashed"));
        }
        said(outcome, "deny", "redact: rewrite, guard: failed")
    });

    report.ask(&astrid, &["remove", "guard"], 0, |_| Ok("removed".into()));
    publish(report, HARMLESS, 0, &|outcome| {
        said(
            outcome,
            "final",
            "redact: rewrite, observer, responder: final",
        )
    });
    let config = astrid.home().join("etc/config.toml");
    let required = "[dispatch.required]\n\"user.v1.prompt\" = [\"guard\"]\n";
    std::fs::write(&config, required).map_err(|error| format!("{config:?}: {error}"))?;
    report.given("an operator who requires it");
    publish(report, HARMLESS, 3, &|outcome| {
        let reason = outcome["reason"].as_str().unwrap_or_default();
        if !reason.contains("guard") {
            return Err(format!("{reason:?} doesn't name what is missing"));
        }
        said(outcome, "deny", "")
    });
    std::fs::remove_file(&config).map_err(|error| format!("{config:?}: {error}"))?;

    tools(report, &astrid);
    Ok(())
}

/// A prompt that needs more than 64 MiB where all of it is read as values: 7 bytes of it are a map of its own.
fn prompt_of_small_objects() -> String {
    let objects = vec![r#"{"":0}"#; 114_000].join(",");
    format!(r#"{{"text":"mail ada@example.com","x":[{objects}]}}"#)
}

/// What a model would be offered.
fn tools(report: &mut Report, astrid: &Astrid) {
    report.chapter("Tools, whichever capsule offers them");
    report.ask(
        astrid,
        &["install", "capsules/weather-tool", "--yes"],
        0,
        |_| Ok("installed".into()),
    );
    report.ask(astrid, &["tools"], 0, |document| {
        let tools = document.as_array().ok_or("no list")?;
        let names: Vec<_> = tools.iter().map(|tool| &tool["name"]).collect();
        same(&json!(names), &json!(["cities", "forecast"]))?;
        let city = &tools[1]["input_schema"]["properties"]["city"];
        same(&city["type"], &json!("string"))?;
        Ok("cities and forecast, with schemas".into())
    });
    let call = |tool, arguments| ["call", tool, "--arguments", arguments];
    report.ask(
        astrid,
        &call("forecast", r#"{"city": "Oslo"}"#),
        0,
        |document| {
            same(&document["is_error"], &json!(false))?;
            Ok(document["content"].to_string())
        },
    );
    report.ask(
        astrid,
        &call("forecast", r#"{"city": "Atlantis"}"#),
        1,
        |document| {
            same(&document["is_error"], &json!(true))?;
            Ok(document["content"].to_string())
        },
    );
    report.ask(
        astrid,
        &call("forcast", "{}"),
        1,
        error("not-found", "did you mean forecast?"),
    );
}

/// The verdict, and what each handler of the chain said; of one that observes, that it was asked.
fn said(outcome: &Value, verdict: &str, expected: &str) -> Judged {
    same(&outcome["verdict"], &json!(verdict))?;
    let steps = outcome["steps"].as_array().ok_or("no steps")?;
    let steps = steps.iter().map(|step| {
        let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
        match text("capsule") {
            // It may still be at it.
            observer if observer == "observer" => observer,
            other => format!("{other}: {}", text("verdict")),
        }
    });
    let steps = steps.collect::<Vec<_>>().join(", ");
    same(&json!(steps), &json!(expected))?;
    Ok(format!("{verdict} ({steps})"))
}

/// A guard, by its name and bindings, that panics.
fn lay_out_crashing_guard(folder: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let manifest = "[package]\nname = \"guard\"\nversion = \"9.0.0\"\n\n[subscribe]\n\
        \"user.v1.prompt\" = { handler = \"misbehave\", priority = 20, on_error = \"deny\" }\n";
    std::fs::write(folder.join("Capsule.toml"), manifest)?;
    std::fs::write(folder.join("guard.wasm"), Guest::Panic.component())
}
