//! Which `astrid` is tested, and whether it has to be built first.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::SystemTime;

use crate::{cargo, folders};

/// Names the `astrid` to be tested; without it, the workspace's own is built.
pub const BINARY_VARIABLE: &str = "ASTRID_BIN";

static BINARY: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    if let Some(binary) = std::env::var_os(BINARY_VARIABLE) {
        let binary = PathBuf::from(binary);
        return if binary.is_file() {
            Ok(binary)
        } else {
            Err(format!(
                "{BINARY_VARIABLE} is {binary:?}, and there is no such file"
            ))
        };
    }
    let binary = folders::target().join("debug").join("astrid");
    if !up_to_date(&binary) {
        build()?;
    }
    Ok(binary)
});

/// Whether a binary is newer than all that it is made of.
///
/// Cargo isn't asked, because it would answer with another build of the host: `cargo test --workspace`, which has just
/// made the binary, and a build of the command alone don't agree on the features of every dependency, though they do on
/// the engine's.
fn up_to_date(binary: &Path) -> bool {
    let Some(built) = changed(binary) else {
        return false;
    };
    let root = folders::root();
    let mut open = SOURCES.map(|name| root.join(name)).to_vec();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            open.extend(entries.map(|entry| entry.path()));
        } else if changed(&path).is_none_or(|changed| changed > built) {
            return false;
        }
    }
    true
}

/// What the command is made of.
const SOURCES: [&str; 10] = [
    "wit",
    "sdk/src",
    "sdk/Cargo.toml",
    "sdk-macros/src",
    "sdk-macros/Cargo.toml",
    "host/src",
    "host/Cargo.toml",
    "host/cli/src",
    "host/cli/build.rs",
    "host/cli/Cargo.toml",
];

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

fn build() -> Result<(), String> {
    let status = cargo::cargo(&folders::root())
        .args(["build", "--package", "astrid-cli", "--bin", "astrid"])
        .env("CARGO_TARGET_DIR", folders::target())
        .status()
        .map_err(|error| format!("cargo can't be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!(
            "the command `astrid` can't be built: cargo ended with {status}"
        ))
    }
}

/// The `astrid` that is tested: what `$ASTRID_BIN` names, else the workspace's own, built at the first call.
///
/// # Errors
/// What is missing or could not be built.
pub fn binary() -> Result<PathBuf, String> {
    BINARY.clone()
}
