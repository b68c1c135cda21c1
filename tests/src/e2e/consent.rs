//! What is asked before another version takes the place of the installed one.

use std::path::{Path, PathBuf};

use astrid_e2e::command::Astrid;
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use astrid_host::Home;
use serde_json::{Value, json};

use crate::report::{Judged, Report, error, same};

/// An installed guard, and what comes in its place.
pub(crate) fn upgrades(report: &mut Report, binary: PathBuf) -> Result<(), String> {
    report.chapter("What an upgrade is asked about");
    let astrid = &Astrid::new(binary, &folders::guests("workspace"))?;
    astrid.run(&["principal", "add", "alice"]);
    let (here, there) = (
        astrid.workspace().join("here"),
        astrid.workspace().join("there"),
    );
    for place in [&here, &there] {
        Guest::Guard
            .lay_out(place)
            .map_err(|error| format!("{place:?}: {error}"))?;
    }
    let manifest = here.join("guard/Capsule.toml");
    let skill = here.join("guard/skills/tidy.md");
    let asked = |what| error("usage", what);
    let mut run = |given: &str, arguments: &[&str], code, judge: &dyn Fn(&Value) -> Judged| {
        if !given.is_empty() {
            report.given(given);
        }
        report.ask_in(astrid, &astrid.workspace(), arguments, "", code, judge);
    };
    let install = |said: &'static str| move |_: &Value| -> Judged { Ok(said.into()) };
    let needs_answer = |document: &Value| asked("--yes")(document);
    let again = ["install", "here/guard"];
    let for_alice = ["install", "here/guard", "--yes", "--principal", "alice"];
    run("", &for_alice, 0, &install("installed for alice"));
    run("", &again, 0, &install("the same again: nothing to ask"));
    let text = Guest::Guard.manifest();
    let edited = |from: &str, to: &str| -> Result<(), String> {
        let edited = text.replace(from, to);
        if edited == text {
            return Err(format!("{from:?} is not in the manifest of guard"));
        }
        write(&manifest, &edited)
    };

    let ran = astrid.workspace().join("ran");
    let source = with_build_script(astrid, &ran)?;
    run(
        "a crate with a build script",
        &["install", &source],
        2,
        &|document| {
            needs_answer(document)?;
            if ran.exists() {
                return Err("its build script ran before the question".into());
            }
            Ok("asked before anything of it ran".into())
        },
    );
    run("", &["install", &source, "--yes"], 0, &|_| {
        std::fs::remove_file(&ran)
            .map_err(|error| format!("its build script did not run: {error}"))?;
        Ok("installed".into())
    });
    let script = astrid.workspace().join(&source).join("build.rs");
    let text = std::fs::read_to_string(&script).map_err(|error| error.to_string())?;
    write(&script, &format!("{text}\n// other code\n"))?;
    run(
        "its build script is another one, its manifest the same",
        &["install", &source],
        2,
        &|document| {
            needs_answer(document)?;
            if ran.exists() {
                return Err("its build script ran before the question".into());
            }
            Ok("asked before anything of it ran".into())
        },
    );

    edited("on_error = \"deny\"", "mode = \"observe\"")?;
    run("the guard only looks on", &again, 2, &needs_answer);
    let held = Home::open(astrid.home()).and_then(|home| home.lock_exclusive());
    let held = held.map_err(|error| error.to_string())?;
    run(
        "another command holds the home, which is not needed to ask",
        &again,
        2,
        &needs_answer,
    );
    drop(held);
    run("", &["inspect", "here/guard"], 0, &|document| {
        let compared = &document["compared"];
        same(&compared["asks"], &json!(true))?;
        same(&compared["changes"][0]["area"], &json!("handle"))?;
        let now = compared["changes"][0]["now"].as_str().unwrap_or_default();
        Ok(format!("what it would change: {now}"))
    });
    edited("0.1.0", "0.0.9")?;
    run("its version is lower", &again, 2, &needs_answer);
    edited("0.1.0", "0.2.0")?;
    run(
        "its version is higher, and nothing else differs",
        &again,
        0,
        &|document| {
            same(&document["owner"], &json!("alice"))?;
            Ok("the owner is kept".into())
        },
    );
    let elsewhere = ["install", "there/guard"];
    edited("0.1.0", "0.2.0")?;
    std::fs::copy(&manifest, there.join("guard/Capsule.toml"))
        .map_err(|error| error.to_string())?;
    run("the same in another folder", &elsewhere, 2, &needs_answer);
    let for_default = ["install", "here/guard", "--principal", "default"];
    run("", &for_default, 2, &needs_answer);

    edited(
        "[subscribe]",
        "[[skill]]\nname = \"tidy\"\nfile = \"skills/tidy.md\"\n\n[subscribe]",
    )?;
    write(&skill, "Tidy up.")?;
    let yes = ["install", "here/guard", "--yes"];
    run("it has a skill", &yes, 0, &install("installed"));
    run("", &again, 0, &install("nothing to ask"));
    write(&skill, "Burn it all.")?;
    run("the skill says something else", &again, 2, &needs_answer);
    let installed = astrid.home().join("capsules/guard/skills/tidy.md");
    write(&installed, "Burn it all.")?;
    run(
        "the installed skill does",
        &["verify", "guard"],
        3,
        &|document| {
            same(&document[0]["error"]["kind"], &json!("integrity"))?;
            Ok("found by verify".into())
        },
    );
    Ok(())
}

/// A copy of hello's crate whose build script leaves a file, and the folder's name.
fn with_build_script(astrid: &Astrid, leaves: &Path) -> Result<String, String> {
    let folder = astrid.workspace().join("crate");
    for file in ["Cargo.toml", "Capsule.toml", "src/lib.rs"] {
        let path = Guest::Hello.folder().join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path:?}: {error}"))?;
        write(&folder.join(file), &text)?;
    }
    let script = format!("fn main() {{ std::fs::write({leaves:?}, \"\").unwrap(); }}");
    write(&folder.join("build.rs"), &script)?;
    Ok("crate".into())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text));
    written.map_err(|error| format!("{path:?}: {error}"))
}
