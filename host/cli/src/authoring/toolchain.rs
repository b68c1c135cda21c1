//! What this room asks of the Rust installation: cargo, the workspace a crate is in, the wasm target.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::files::{canonical, parse_toml, read_if_there};
use super::{AuthoringError, Result};

/// The target that capsules are compiled for. It has no system interface: all that a capsule can reach is what
/// its component imports.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Variables that hold a folder, which cargo takes relative to the current one.
const FOLDERS: [&str; 4] = [
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_HOME",
];

/// Variables that hold a program: a name, or a path, which cargo takes relative to the current folder.
const PROGRAMS: [&str; 4] = ["CARGO", "RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];

/// Cargo, in a crate's folder, so that its configuration and its `rust-toolchain.toml` are found. `$CARGO` is
/// what cargo itself tells those it starts. Relative paths in the environment go on counting from the folder in which
/// this program was started, as they do for cargo itself.
pub(super) fn cargo(folder: &Path) -> Command {
    tool("CARGO", "cargo", folder)
}

fn tool(variable: &str, name: &str, folder: &Path) -> Command {
    let program = std::env::var_os(variable).filter(|program| !program.is_empty());
    let program = program.map(|program| absolute(&program, true).unwrap_or(program));
    let mut command = Command::new(program.unwrap_or_else(|| name.into()));
    command.current_dir(folder);
    let folders = FOLDERS.map(|name| (name, false));
    for (name, is_program) in folders.into_iter().chain(PROGRAMS.map(|name| (name, true))) {
        let value = std::env::var_os(name);
        if let Some(value) = value.and_then(|value| absolute(&value, is_program)) {
            command.env(name, value);
        }
    }
    command
}

/// A relative path from the root; none for another, and for a program's name, which is looked for elsewhere.
fn absolute(value: &OsStr, is_program: bool) -> Option<OsString> {
    let path = Path::new(value);
    let is_name = is_program && path.components().count() <= 1;
    if value.is_empty() || path.is_absolute() || is_name {
        return None;
    }
    Some(std::path::absolute(path).ok()?.into_os_string())
}

/// For `map_err`: a program that could not be started.
pub(super) fn cannot_start(command: &Command) -> impl FnOnce(std::io::Error) -> AuthoringError {
    let program = command.get_program().to_string_lossy().into_owned();
    move |source| AuthoringError::NoRust { program, source }
}

/// The manifest of the workspace that the crate in `folder` (absolute) belongs to: its own if it is in none.
pub(super) fn workspace_manifest(folder: &Path) -> Result<PathBuf> {
    let own = folder.join("Cargo.toml");
    if is_alone(folder)? {
        return Ok(own);
    }
    let mut command = cargo(folder);
    command.args(["locate-project", "--workspace", "--message-format", "plain"]);
    let output = command.output().map_err(cannot_start(&command))?;
    if !output.status.success() {
        return Err(AuthoringError::Workspace {
            folder: folder.to_owned(),
            message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    let path = String::from_utf8_lossy(&output.stdout);
    canonical(Path::new(path.trim_end()))
}

/// Whether it can be seen without cargo that a crate is its own workspace: it says so, or nothing above it is a
/// crate and it names no other place.
fn is_alone(folder: &Path) -> Result<bool> {
    let path = folder.join("Cargo.toml");
    let Some(text) = read_if_there(&path)? else {
        return Ok(false);
    };
    let manifest = parse_toml(&path, &text)?;
    if manifest.contains_key("workspace") {
        return Ok(true);
    }
    let elsewhere = manifest
        .get("package")
        .is_some_and(|package| package.get("workspace").is_some());
    Ok(!elsewhere
        && folder
            .ancestors()
            .skip(1)
            .all(|above| !above.join("Cargo.toml").exists()))
}

/// Makes sure that the toolchain in use for `folder` can build for [`WASM_TARGET`]. Nothing is installed: that is
/// for the author to decide.
pub(super) fn require_wasm_target(folder: &Path) -> Result<()> {
    let mut command = tool("RUSTC", "rustc", folder);
    command.args(["--print", "target-libdir", "--target", WASM_TARGET]);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(cannot_start(&command))?;
    if !output.status.success() {
        return Err(AuthoringError::Rustc {
            folder: folder.to_owned(),
        });
    }
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end());
    if has_core(&libraries) {
        return Ok(());
    }
    let rustup = Command::new("rustup")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    Err(AuthoringError::NoWasmTarget { rustup })
}

fn has_core(libraries: &Path) -> bool {
    let mut entries = std::fs::read_dir(libraries).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_nothing_surrounds_is_its_own_workspace() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path().canonicalize().unwrap();
        let folder = parent.join("capsule");
        std::fs::create_dir(&folder).unwrap();
        let own = folder.join("Cargo.toml");
        let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();

        write(&own, "[package]\nname = \"a\"\n");
        assert!(is_alone(&folder).unwrap());
        write(&own, "[package]\nname = \"a\"\nworkspace = \"../other\"\n");
        assert!(!is_alone(&folder).unwrap(), "it names its workspace");
        write(&own, "[package]\nname = \"a\"\n");
        write(
            &parent.join("Cargo.toml"),
            "[workspace]\nmembers = [\"capsule\"]\n",
        );
        assert!(
            !is_alone(&folder).unwrap(),
            "something above may be its workspace"
        );
        write(&own, "[package]\nname = \"a\"\n[workspace]\n");
        assert!(is_alone(&folder).unwrap(), "it is a workspace itself");
    }

    #[test]
    fn relative_paths_count_from_the_current_folder() {
        let here = std::env::current_dir().unwrap();
        let folder = |value: &str| absolute(OsStr::new(value), false);
        let program = |value: &str| absolute(OsStr::new(value), true);
        assert_eq!(folder("out"), Some(here.join("out").into()));
        assert_eq!(program("bin/rustc"), Some(here.join("bin/rustc").into()));
        assert_eq!(program("rustc"), None, "looked for in $PATH");
        assert_eq!(folder("/tmp/out"), None);
        assert_eq!(folder(""), None, "cargo says what is wrong with it");
    }

    #[test]
    fn a_target_without_its_core_library_is_not_installed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_core(&folder.path().join("missing")));
        assert!(!has_core(folder.path()));
        std::fs::write(folder.path().join("libcore-0123.rlib"), "").unwrap();
        assert!(has_core(folder.path()));
    }
}
