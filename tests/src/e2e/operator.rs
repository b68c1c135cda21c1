//! What an operator does: install, look, add principals, read logs, remove.

use std::path::PathBuf;

use astrid_e2e::command::Astrid;
use astrid_e2e::published::{self, Published};
use serde_json::{Value, json};

use crate::report::{Report, error, same, verdict};

/// The examples.
const EXAMPLES: [&str; 3] = ["guard", "hello", "redact"];

/// From source folders to installed capsules.
pub(crate) fn installs(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    report.chapter("From a folder to an installed capsule");
    report.ask(astrid, &["list"], 0, |document| {
        same(document, &json!([]))?;
        Ok("nothing yet".into())
    });
    for name in EXAMPLES {
        let folder = format!("capsules/{name}");
        report.ask(astrid, &["build", &folder], 0, |document| {
            same(&document["sdk"], &json!(env!("CARGO_PKG_VERSION")))?;
            let component = PathBuf::from(document["component"].as_str().unwrap_or_default());
            let size = std::fs::metadata(&component)
                .map_err(|error| error.to_string())?
                .len();
            same(&document["size"], &json!(size))?;
            Ok(format!("a component of {size} bytes"))
        });
        report.ask(astrid, &["install", &folder], 2, error("usage", "--yes"));
        report.ask(astrid, &["install", &folder, "--yes"], 0, |document| {
            same(&document["name"], &json!(name))?;
            same(&document["previous"], &json!(null))?;
            Ok(format!(
                "{name} {} for {}",
                document["version"], document["owner"]
            ))
        });
    }
    report.ask(
        astrid,
        &["install", "capsules/hello", "--yes"],
        0,
        |document| {
            same(&document["previous"], &json!("0.1.0"))?;
            Ok("installed again".into())
        },
    );
    report.ask(astrid, &["list"], 0, |document| {
        same(&names(document), &json!(EXAMPLES))?;
        Ok(EXAMPLES.join(", "))
    });
    report.ask(astrid, &["inspect", "guard"], 0, |document| {
        same(
            &document["exports"]["astrid-hook-trigger"]["real"],
            &json!(true),
        )?;
        same(&document["handlers"][0]["topic"], &json!("user.v1.prompt"))?;
        let exports = document["exports"]
            .as_object()
            .map_or(0, serde_json::Map::len);
        same(&json!(exports), &json!(1))?;
        Ok(format!("{} bytes, one handler, no stubs", document["size"]))
    });
    report.ask(astrid, &["verify"], 0, |document| {
        let whole = document.as_array().into_iter().flatten();
        same(
            &whole.map(|one| one["ok"].clone()).collect(),
            &json!([true, true, true]),
        )?;
        Ok("all three are what was installed".into())
    });
    Ok(())
}

/// On whose behalf, and who said what.
pub(crate) fn principals_and_logs(report: &mut Report, astrid: &Astrid) {
    report.chapter("On whose behalf");
    let as_alice = [
        "invoke",
        "hello",
        "greet",
        "--payload",
        r#"{"name": "Alice"}"#,
        "--principal",
        "alice",
    ];
    report.ask(astrid, &["principal", "add", "alice"], 0, |_| {
        Ok("added".into())
    });
    report.ask(astrid, &["principal", "list"], 0, |document| {
        same(&names(document), &json!(["alice", "default"]))?;
        Ok("alice, default".into())
    });
    report.ask(
        astrid,
        &as_alice,
        0,
        verdict("final", json!({ "greeting": "Hello, Alice!" })),
    );
    report.ask(
        astrid,
        &["logs", "hello", "--principal", "alice"],
        0,
        |document| {
            let lines = document.as_array().into_iter().flatten();
            same(
                &lines.map(|line| line["message"].clone()).collect(),
                &json!(["greeting Alice"]),
            )?;
            Ok("one line, and none of what others did".into())
        },
    );
    // What she set can't be read: that isn't the same as if she had set nothing.
    let overlay = astrid.home().join("home/alice/env/hello.env.json");
    std::fs::write(&overlay, "{").expect("her folder is there");
    report.ask(astrid, &as_alice, 1, error("principal", "hello.env.json"));
    std::fs::remove_file(overlay).expect("it was just written");
    report.ask(astrid, &["principal", "disable", "alice"], 0, |_| {
        Ok("disabled".into())
    });
    report.ask(astrid, &as_alice, 3, error("disabled", "alice"));
    let logs = ["logs", "hello", "--principal", "alice"];
    report.ask(astrid, &logs, 0, |document| {
        same(&document[0]["message"], &json!("greeting Alice"))?;
        Ok("what was logged for her can still be read".into())
    });
    report.ask(astrid, &["principal", "enable", "alice"], 0, |_| {
        Ok("enabled".into())
    });
    report.ask(
        astrid,
        &as_alice,
        0,
        verdict("final", json!({ "greeting": "Hello, Alice!" })),
    );
}

/// A capsule made with the published SDK.
pub(crate) fn published(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    report.chapter("Capsules made with the published SDK");
    for guest in published::all()
        .into_iter()
        .filter(|guest| guest.profile == "release")
    {
        let folder = laid_out(astrid, &guest)?;
        let here = astrid.workspace();
        report.ask_in(astrid, &here, &["inspect", &folder], "", 0, |document| {
            let all: Vec<_> = document["exports"]
                .as_object()
                .into_iter()
                .flatten()
                .collect();
            let real: Vec<_> = all
                .iter()
                .filter(|(_, judgement)| judgement["real"] == true)
                .map(|(entry, _)| entry.as_str())
                .collect();
            let expected = match guest.program.as_str() {
                "run-only" => &["astrid-hook-trigger", "run"][..],
                "lifecycle" => &["astrid-hook-trigger", "astrid-install", "astrid-upgrade"],
                "install-only" => &["astrid-hook-trigger", "astrid-install"],
                _ => &["astrid-hook-trigger"],
            };
            same(&json!(real), &json!(expected))?;
            Ok(format!(
                "really exports {}; the rest are stubs",
                real.join(", ")
            ))
        });
        match guest.program.as_str() {
            "run-only" | "talker" => {
                let install = ["install", &folder, "--yes"];
                report.ask_in(astrid, &here, &install, "", 0, |_| Ok("installed".into()));
            }
            "hook-only" => {
                let install = ["install", &folder, "--yes"];
                report.ask_in(astrid, &here, &install, "", 0, |_| Ok("installed".into()));
                let payload = ["--payload", r#"{"text": "Grüße"}"#];
                report.ask(
                    astrid,
                    &[&["invoke", "hook-only", "measure"], &payload[..]].concat(),
                    0,
                    verdict("continue", json!({ "characters": 5, "upper": "GRÜSSE" })),
                );
                report.ask(
                    astrid,
                    &["invoke", "hook-only", "nope"],
                    3,
                    verdict("deny", json!("unknown hook action: nope")),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// Makes a folder in the workspace that holds Capsule.toml beside its component; answers with its name.
fn laid_out(astrid: &Astrid, guest: &Published) -> Result<String, String> {
    let name = format!("{}-{}", guest.program, guest.version);
    let folder = astrid.workspace().join(&name);
    let failed = |error| format!("{folder:?}: {error}");
    std::fs::create_dir_all(&folder).map_err(failed)?;
    std::fs::write(folder.join("Capsule.toml"), guest.manifest()).map_err(failed)?;
    let component = folder.join(format!("{}.wasm", guest.program));
    std::fs::write(component, guest.component()).map_err(failed)?;
    Ok(name)
}

/// The end of an installation.
pub(crate) fn removal(report: &mut Report, astrid: &Astrid) {
    report.chapter("Removal");
    report.ask(astrid, &["remove", "hello"], 0, |_| Ok("removed".into()));
    report.ask(astrid, &["remove", "hello"], 1, error("not-found", "hello"));
    report.ask(
        astrid,
        &["invoke", "hello", "greet"],
        1,
        error("not-found", "hello"),
    );
}

/// The names in a list.
fn names(document: &Value) -> Value {
    document
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one["name"].clone())
        .collect()
}
