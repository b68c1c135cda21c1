//! Crates as authors have them: within a workspace, one used as a library by another, two of one name.

use std::path::{Path, PathBuf};

use astrid_e2e::command::Astrid;
use astrid_e2e::folders;
use serde_json::json;

use crate::author::cargo_test;
use crate::report::{Report, same, verdict};

/// Makes and builds them.
pub(crate) fn scenarios(report: &mut Report, binary: PathBuf) -> Result<(), String> {
    let target = folders::guests("crates");
    let astrid = Astrid::new(binary, &target)?;
    workspace(report, &astrid, &target)?;
    library(report, &astrid)?;
    equal_names(report, &astrid)?;
    printing(report, &astrid)
}

/// A capsule is made a member of the author's workspace where its patterns say so, and cargo works at the root.
fn workspace(report: &mut Report, astrid: &Astrid, target: &Path) -> Result<(), String> {
    report.chapter("A capsule in an author's workspace");
    let root = astrid.workspace().join("around");
    write(
        &root.join("Cargo.toml"),
        "[workspace]\nresolver = \"3\"\nmembers = [\"capsules/*\", \"tools\"]\n",
    )?;
    let tools = "[package]\nname = \"tools\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    write(&root.join("tools/Cargo.toml"), tools)?;
    write(&root.join("tools/src/lib.rs"), "")?;
    let inside = ["new", "inside", "--path", "capsules"];
    report.ask_in(
        astrid,
        &root,
        &inside,
        "",
        0,
        |document| match document["workspace"].as_str() {
            Some(root) => Ok(format!("a member of {root}")),
            None => Err("it is no member".into()),
        },
    );
    report.ask_in(astrid, &root, &["new", "outside"], "", 0, |document| {
        same(&document["workspace"], &json!(null))?;
        Ok("a workspace of its own".into())
    });
    for folder in ["capsules/inside", "outside"] {
        report.ask_in(astrid, &root, &["build", folder], "", 0, |document| {
            Ok(format!("a component of {} bytes", document["size"]))
        });
    }
    let (judged, output) = cargo_test(&root, target);
    report.line("cargo test (in around)", judged, || output);
    Ok(())
}

/// Of a capsule that uses another's crate as a library, the entry points are its own alone.
fn library(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    report.chapter("A capsule whose crate another capsule uses");
    let here = astrid.workspace();
    for name in ["first", "second"] {
        report.ask_in(astrid, &here, &["new", name], "", 0, |_| Ok("made".into()));
    }
    edit(
        &here.join("first/src/lib.rs"),
        "#[derive(Default)]",
        "/// Shared.\npub fn shared() -> u32 {\n    3\n}\n\n#[derive(Default)]",
    )?;
    edit(
        &here.join("second/Cargo.toml"),
        "[dependencies]\n",
        "[dependencies]\nfirst = { path = \"../first\" }\n",
    )?;
    write(
        &here.join("second/src/lib.rs"),
        "//! Runs.\nuse astrid_sdk::prelude::*;\n\n#[derive(Default)]\nstruct Second;\n\n#[capsule]\nimpl Second {\n    \
         #[astrid::run]\n    fn run(&self) {\n        log::info!(\"{}\", first::shared());\n    }\n}\n",
    )?;
    // Each is built as the capsule after it was built as a library, and the other way round.
    for (name, entry) in [
        ("second", "run"),
        ("first", "astrid-hook-trigger"),
        ("second", "run"),
    ] {
        report.ask_in(astrid, &here, &["build", name], "", 0, |_| {
            Ok("built".into())
        });
        report.ask_in(astrid, &here, &["inspect", name], "", 0, |document| {
            let exports = document["exports"].as_object().ok_or("no exports")?;
            let found: Vec<_> = exports.keys().collect();
            same(&json!(found), &json!([entry]))?;
            Ok(format!("{entry} alone"))
        });
    }
    Ok(())
}

/// Two crates whose libraries have one name, built into one target folder, never get each other's module.
fn equal_names(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    report.chapter("Two crates of one name, built into one target folder");
    let here = astrid.workspace();
    for (place, greeting) in [("a", "Hello"), ("b", "Goodbye")] {
        let new = ["new", "same", "--path", place];
        report.ask_in(astrid, &here, &new, "", 0, |_| Ok("made".into()));
        edit(
            &here.join(place).join("same/src/lib.rs"),
            "\"Hello, {}!\"",
            &format!("\"{greeting}, {{}}!\""),
        )?;
    }
    for (place, greeting) in [("a", "Hello"), ("b", "Goodbye"), ("a", "Hello")] {
        let folder = format!("{place}/same");
        report.ask_in(astrid, &here, &["build", &folder], "", 0, |document| {
            let component = document["component"].as_str().unwrap_or_default();
            let bytes = std::fs::read(component).map_err(|error| error.to_string())?;
            let path = here.join(&folder).display().to_string();
            match bytes
                .windows(path.len())
                .any(|part| part == path.as_bytes())
            {
                true => Err("the component names the folder".into()),
                false => Ok("the component names no folder".into()),
            }
        });
        let invoke = [
            "invoke",
            &folder,
            "greet",
            "--payload",
            r#"{"name": "Ada"}"#,
        ];
        let answer = json!({ "greeting": format!("{greeting}, Ada!") });
        report.ask_in(astrid, &here, &invoke, "", 0, verdict("final", answer));
    }
    Ok(())
}

/// What prints is told that nobody reads it.
fn printing(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    report.chapter("A capsule that prints");
    let here = astrid.workspace();
    report.ask_in(astrid, &here, &["new", "printer"], "", 0, |_| {
        Ok("made".into())
    });
    let builds = |report: &mut Report, expected: usize| {
        report.ask_in(astrid, &here, &["build", "printer"], "", 0, |document| {
            let findings = document["findings"].as_array().ok_or("no findings")?;
            let printing = findings.iter().filter(|finding| {
                let message = finding["message"].as_str().unwrap_or_default();
                finding["severity"] == "warning" && message.contains("println!")
            });
            let found = printing.count();
            same(&json!(found), &json!(expected))?;
            Ok(format!("{found} warnings of println!"))
        });
    };
    builds(report, 0);
    edit(&here.join("printer/src/lib.rs"), "log::debug!", "println!")?;
    builds(report, 1);
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    std::fs::write(path, text).map_err(failed)
}

/// Replaces what has to be there, once.
fn edit(path: &Path, old: &str, new: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(failed)?;
    if !text.contains(old) {
        return Err(format!("{}: no {old:?}", path.display()));
    }
    write(path, &text.replacen(old, new, 1))
}
