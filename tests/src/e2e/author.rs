//! What an author does who has only the installed command: no checkout is near.

use std::path::{Path, PathBuf};
use std::process::Command;

use astrid_e2e::command::Astrid;
use astrid_e2e::folders;
use serde_json::{Value, json};

use crate::report::{Judged, Report, same, verdict};

/// Installs the command as a stranger would, then makes a capsule from nothing and copies of the examples.
pub(crate) fn from_nothing(report: &mut Report) -> Result<(), String> {
    report.chapter("An author with nothing but the installed command");
    let place = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let binary = installed_command(report, place.path())?;
    // A target folder of its own: nothing of the checkout's helps.
    let astrid = Astrid::new(binary, &place.path().join("target"))?;
    let here = astrid.workspace();

    report.ask_in(&astrid, &here, &["new", "mine"], "", 0, |document| {
        Ok(format!(
            "{} files",
            document["files"].as_array().map_or(0, Vec::len)
        ))
    });
    works(
        report,
        &astrid,
        "mine",
        &["greet", r#"{"name": "Ada"}"#],
        0,
        || Box::new(verdict("final", json!({ "greeting": "Hello, Ada!" }))),
    );

    report.chapter("Plain copies of the examples, far from the checkout");
    for name in ["hello", "redact", "guard"] {
        copy(
            &folders::root().join("capsules").join(name),
            &here.join(name),
        )?;
    }
    works(
        report,
        &astrid,
        "hello",
        &["greet", r#"{"name": "Bob"}"#],
        0,
        || Box::new(verdict("final", json!({ "greeting": "Hello, Bob!" }))),
    );
    works(
        report,
        &astrid,
        "redact",
        &["redact", r#"{"text": "ada@example.com"}"#],
        0,
        || Box::new(verdict("continue", json!({ "text": "[e-mail]" }))),
    );
    let secret = r#"{"text": "-----BEGIN PRIVATE KEY-----"}"#;
    works(report, &astrid, "guard", &["check", secret], 3, || {
        Box::new(verdict("deny", json!("the prompt holds a private key")))
    });
    report.ask_in(&astrid, &here, &["list"], "", 0, |document| {
        same(document, &json!([]))?;
        Ok("invoking a folder installs nothing".into())
    });
    Ok(())
}

/// A verdict's judge.
type Judge = Box<dyn FnOnce(&Value) -> Judged>;

/// Build, test, invoke: in the order of each README.
fn works(
    report: &mut Report,
    astrid: &Astrid,
    name: &str,
    [action, payload]: &[&str; 2],
    code: i32,
    judge: impl FnOnce() -> Judge,
) {
    let folder = astrid.workspace().join(name);
    report.ask_in(astrid, &folder, &["build"], "", 0, |document| {
        let near = folders::root();
        let config = std::fs::read_to_string(folder.join(".cargo/config.toml"))
            .map_err(|error| error.to_string())?;
        if config.contains(&*near.to_string_lossy()) {
            return Err("its configuration names the checkout".into());
        }
        Ok(format!("a component of {} bytes", document["size"]))
    });
    let (judged, output) = cargo_test(&folder, &astrid.workspace().with_file_name("target"));
    report.line(&format!("cargo test (in {name})"), judged, || output);
    report.ask_in(
        astrid,
        &folder,
        &["invoke", ".", action, "--payload", payload],
        "",
        code,
        judge(),
    );
}

/// `cargo install --path host/cli`: as the README says, but a debug build, in the folder that has one already.
fn installed_command(report: &mut Report, place: &Path) -> Result<PathBuf, String> {
    let mut command = cargo(&folders::root());
    command.args([
        "install", "--path", "host/cli", "--locked", "--debug", "--root",
    ]);
    command
        .arg(place)
        .arg("--target-dir")
        .arg(folders::target());
    let started = std::time::Instant::now();
    let output = command
        .output()
        .map_err(|error| format!("cargo can't be started: {error}"))?;
    let binary = place.join("bin").join("astrid");
    if !output.status.success() || !binary.is_file() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let took = format!("installed ({} s)", started.elapsed().as_secs());
    report.line("cargo install --path host/cli", Ok(took), String::new);
    Ok(binary)
}

/// The unit tests of a copied capsule; there has to be at least one.
pub(crate) fn cargo_test(folder: &Path, target: &Path) -> (Judged, String) {
    let output = cargo(folder)
        .arg("test")
        .env("CARGO_TARGET_DIR", target)
        .output();
    match output {
        Err(error) => (
            Err(format!("cargo can't be started: {error}")),
            String::new(),
        ),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let summary = said
                .lines()
                .find(|line| line.starts_with("test result: ok") && !line.contains(" 0 passed"));
            let judged = match summary {
                Some(summary) if output.status.success() => Ok(summary.to_owned()),
                _ => Err(format!("cargo ended with {}", output.status)),
            };
            (judged, said + &String::from_utf8_lossy(&output.stderr))
        }
    }
}

/// Cargo, in a folder.
fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

/// `cp -r`, but for what a build left in the checkout.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{from:?} can't be copied: {error}");
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() && entry.file_name() != "target" {
            copy(&path, &target)?;
        } else if path.is_file() {
            std::fs::copy(&path, &target).map_err(failed)?;
        }
    }
    Ok(())
}
