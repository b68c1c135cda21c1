//! Runs cargo and tells what it made.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Cargo, in a folder: the one that runs us, or else the one in the path.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs `cargo build` in a folder and answers with the files of one kind that it made, by the name of the folder
/// that their crate is in. Progress and errors go to standard error.
pub(crate) fn build(
    folder: &Path,
    target: &Path,
    arguments: &[OsString],
    extension: &str,
) -> Result<BTreeMap<String, PathBuf>, String> {
    let mut command = cargo(folder);
    command
        .arg("build")
        .arg("--message-format=json-render-diagnostics")
        .args(arguments)
        .env("CARGO_TARGET_DIR", target)
        .stdout(Stdio::piped());
    let line = format!("{command:?}");
    let failed = |error: &dyn std::fmt::Display| format!("{line} failed: {error}");
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let mut made = BTreeMap::new();
    // Read to its end whatever comes, or cargo would wait for the pipe to be emptied.
    for line in child
        .stdout
        .take()
        .map(BufReader::new)
        .into_iter()
        .flat_map(BufReader::lines)
    {
        let line = line.map_err(|error| failed(&error))?;
        made.extend(artifact(&line, extension));
    }
    let status = child.wait().map_err(|error| failed(&error))?;
    if status.success() {
        Ok(made)
    } else {
        Err(failed(&status))
    }
}

/// What a line of cargo's messages says was made, if it is a file of this kind.
fn artifact(line: &str, extension: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let name = manifest.parent()?.file_name()?.to_str()?.to_owned();
    let mut files = message["filenames"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str);
    let file = files.find(|file| {
        Path::new(file)
            .extension()
            .is_some_and(|found| found == extension)
    })?;
    Some((name, file.into()))
}
