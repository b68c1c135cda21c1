//! A run of cargo: how it is asked for a capsule's module, what it reports, and what it says when it fails.
//!
//! What it says on standard error is passed on as it comes, colours and progress included, and looked at only when it
//! has failed. Nothing it reports is taken for more than a path.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, IsTerminal as _, Read, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use serde_json::Value;

use super::cargo_config::{CargoConfig, missing_wrapper};
use super::facts::CapsuleCrate;
use super::files::canonical;
use super::known;
use super::options::{BuildOptions, Verbosity};
use super::settings::{PROFILE, flags_beside};
use super::toolchain::{WASM_TARGET, cannot_start, cargo};
use super::{AuthoringError, Result};

/// Tells `#[capsule]` which crate is built for its entry points; in one that this crate uses as a library it makes
/// none.
const FINAL_CRATE: &str = "ASTRID_FINAL_CRATE";

/// Bytes that are kept of what cargo says, to look for errors that are known. The first error is near the beginning,
/// and -v has a kilobyte a crate.
const SAID_BYTES: usize = 1 << 20;

/// Columns of the progress bar: cargo cannot see the terminal behind a pipe.
const PROGRESS_COLUMNS: &str = "80";

/// Runs cargo and returns the core module that it made of the crate.
pub(super) fn compile(
    capsule: &CapsuleCrate,
    options: &BuildOptions,
    arguments: &[String],
) -> Result<PathBuf> {
    let config = CargoConfig::of(&capsule.folder);
    let mut command = command(capsule, options, arguments, &config);
    let mut child = command.spawn().map_err(cannot_start(&command))?;
    let (stdout, said) = (child.stdout.take(), child.stderr.take());
    let (core, said) = thread::scope(|scope| {
        let relay = |pipe| move || relay(pipe, stderr());
        let said = said.map(|pipe| thread::Builder::new().spawn_scoped(scope, relay(pipe)));
        let core = stdout.and_then(|pipe| reported(BufReader::new(pipe), &capsule.folder));
        let said = said.transpose().map_err(cannot_start(&command));
        // It doesn't panic.
        let said = said.map(|relay| {
            relay
                .and_then(|relay| relay.join().ok())
                .unwrap_or_default()
        });
        (core, said)
    });
    let status = child.wait().map_err(cannot_start(&command))?;
    let said = said?;
    if !status.success() {
        return Err(failure(&capsule.folder, status, &said, &config));
    }
    core.ok_or_else(|| AuthoringError::NoArtifact {
        folder: capsule.folder.clone(),
    })
}

/// Has cargo forget what it made of packages. Whether that helps shows the next run, so no failure is told.
pub(super) fn clean(
    capsule: &CapsuleCrate,
    options: &BuildOptions,
    arguments: &[String],
    packages: &[String],
) {
    let mut command = cargo(&capsule.folder);
    command.args([
        "clean",
        "--quiet",
        "--profile",
        PROFILE,
        "--target",
        WASM_TARGET,
    ]);
    command.args(arguments);
    if options.offline {
        command.arg("--offline");
    }
    for package in packages {
        command.args(["--package", package]);
    }
    let silent = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _ = silent.status();
}

fn command(
    capsule: &CapsuleCrate,
    options: &BuildOptions,
    arguments: &[String],
    config: &CargoConfig,
) -> Command {
    let mut command = cargo(&capsule.folder);
    command.args([
        "build",
        "--lib",
        "--profile",
        PROFILE,
        "--target",
        WASM_TARGET,
    ]);
    command.arg("--message-format=json-render-diagnostics");
    command.args(arguments);
    match options.verbosity {
        Verbosity::Quiet => drop(command.arg("--quiet")),
        Verbosity::Normal => {}
        Verbosity::Verbose => drop(command.arg("--verbose")),
    }
    if options.offline {
        command.arg("--offline");
    }
    if options.locked {
        command.arg("--locked");
    }
    let variable = |name| env::var(name).ok();
    let of_environment =
        environment_flags(variable("CARGO_ENCODED_RUSTFLAGS"), variable("RUSTFLAGS"));
    match of_environment {
        Some(flags) => drop(command.env("CARGO_ENCODED_RUSTFLAGS", flags)),
        None => {
            let flags = config.build_flags();
            command.args(
                flags
                    .into_iter()
                    .flat_map(|flags| ["--config".to_owned(), flags]),
            );
        }
    }
    command.env(FINAL_CRATE, &capsule.crate_name);
    if stderr().is_terminal() {
        as_on_a_terminal(&mut command, config);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Has cargo write as it would to the terminal that its words come to in the end, unless the author says how.
fn as_on_a_terminal(command: &mut Command, config: &CargoConfig) {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    if is_dumb {
        return;
    }
    let is_chosen = is_set("CARGO_TERM_COLOR") || config.string("term", "color").is_some();
    if !is_chosen && !is_set("NO_COLOR") {
        command.env("CARGO_TERM_COLOR", "always");
    }
    if !is_set("CARGO_TERM_PROGRESS_WHEN") && !is_set("CI") {
        command.env("CARGO_TERM_PROGRESS_WHEN", "always");
        command.env("CARGO_TERM_PROGRESS_WIDTH", PROGRESS_COLUMNS);
    }
}

/// Passes on what comes, and returns the beginning of it.
fn relay(mut from: impl Read, mut to: impl Write) -> String {
    let mut said = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let length = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let piece = piece.get(..length).unwrap_or_default();
        // The pipe is emptied even when nobody reads any more, or cargo would wait.
        let _ = to.write_all(piece);
        let _ = to.flush();
        let room = SAID_BYTES.saturating_sub(said.len());
        said.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// What to say of a run that failed.
fn failure(folder: &Path, status: ExitStatus, said: &str, config: &CargoConfig) -> AuthoringError {
    if let Some((by, program)) = missing_wrapper(config) {
        return AuthoringError::NoWrapper { by, program };
    }
    AuthoringError::Cargo {
        folder: folder.to_owned(),
        status: status.code(),
        help: known::help(said),
    }
}

/// The wasm file of the crate in `folder` that cargo's messages report. They are read to their end whatever comes, or
/// cargo would wait for the pipe to be emptied: a line may be anything that a build script or a macro printed.
fn reported(mut messages: impl BufRead, folder: &Path) -> Option<PathBuf> {
    let mut core = None;
    let mut line = Vec::new();
    while messages
        .read_until(b'\n', &mut line)
        .is_ok_and(|length| length > 0)
    {
        core = artifact(&line, folder).or(core);
        line.clear();
    }
    core
}

/// The wasm file that a line of cargo's messages reports, if it is of the crate in `folder`.
fn artifact(line: &[u8], folder: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_slice(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    // The manifest itself may be a symbolic link: the crate is where the link is.
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let is_ours = || {
        canonical(manifest.parent()?)
            .ok()
            .filter(|found| found == folder)
    };
    let is_cdylib = message["target"]["crate_types"]
        .as_array()?
        .iter()
        .any(|kind| kind == "cdylib");
    if !is_cdylib || is_ours().is_none() {
        return None;
    }
    let mut files = message["filenames"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str);
    files
        .find(|file| file.ends_with(".wasm"))
        .map(PathBuf::from)
}

/// Flags in the environment make cargo ignore those of configurations, ours too. So ours are added to them; the
/// encoded form is the one in which flags may contain spaces, and cargo prefers it.
fn environment_flags(encoded: Option<String>, plain: Option<String>) -> Option<OsString> {
    /// What separates flags in the encoded form.
    const SEPARATOR: &str = "\u{1f}";
    let given: Vec<String> = match (encoded, plain) {
        (Some(encoded), _) => encoded.split(SEPARATOR).map(str::to_owned).collect(),
        (None, Some(plain)) => plain.split_whitespace().map(str::to_owned).collect(),
        (None, None) => return None,
    };
    let ours = flags_beside(&given.join(" "));
    let all: Vec<&str> = given
        .iter()
        .map(String::as_str)
        .filter(|flag| !flag.is_empty())
        .chain(ours)
        .collect();
    Some(all.join(SEPARATOR).into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn message(manifest: &Path, kind: &str, files: &[&str]) -> String {
        serde_json::json!({
            "reason": "compiler-artifact",
            "manifest_path": manifest,
            "target": { "crate_types": [kind, "rlib"] },
            "filenames": files,
        })
        .to_string()
    }

    #[test]
    fn the_artifact_is_that_of_the_crate_itself() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let manifest = |name: &str| {
            fs::create_dir_all(place.join(name)).unwrap();
            let path = place.join(name).join("Cargo.toml");
            fs::write(&path, "").unwrap();
            path
        };
        let (ours, other) = (manifest("ours"), manifest("other"));
        let folder = place.join("ours");
        let files = ["/t/libx.rlib", "/t/x.wasm"];
        assert_eq!(
            artifact(message(&ours, "cdylib", &files).as_bytes(), &folder),
            Some(PathBuf::from("/t/x.wasm"))
        );
        assert_eq!(
            artifact(message(&other, "cdylib", &files).as_bytes(), &folder),
            None,
            "a dependency's"
        );
        assert_eq!(
            artifact(message(&ours, "lib", &files).as_bytes(), &folder),
            None,
            "no cdylib"
        );
        assert_eq!(artifact(b"warning: not a message", &folder), None);
        assert_eq!(
            artifact(br#"{"reason":"build-finished","success":true}"#, &folder),
            None
        );
    }

    #[test]
    fn a_line_that_is_not_utf8_does_not_end_the_reading() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().canonicalize().unwrap();
        let manifest = folder.join("Cargo.toml");
        fs::write(&manifest, "").unwrap();
        let mut lines = b"a macro printed \xff\xfe\n{\"reason\": \"\xff\"}\n".to_vec();
        lines.extend(message(&manifest, "cdylib", &["/t/x.wasm"]).as_bytes());
        lines.extend(b"\n\xff");
        assert_eq!(
            reported(&lines[..], &folder),
            Some(PathBuf::from("/t/x.wasm"))
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_crate_whose_manifest_is_a_symbolic_link_is_where_the_link_is() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let folder = place.join("mine");
        fs::create_dir(&folder).unwrap();
        fs::write(place.join("elsewhere.toml"), "").unwrap();
        let manifest = folder.join("Cargo.toml");
        std::os::unix::fs::symlink(place.join("elsewhere.toml"), &manifest).unwrap();
        let message = message(&manifest, "cdylib", &["/t/x.wasm"]);
        assert_eq!(
            artifact(message.as_bytes(), &folder),
            Some(PathBuf::from("/t/x.wasm"))
        );
    }

    #[test]
    fn what_cargo_says_is_passed_on_and_its_beginning_kept() {
        let said = [b"error: \xff\n".as_slice(), &[b'x'; SAID_BYTES]].concat();
        let mut shown = Vec::new();
        let kept = relay(&said[..], &mut shown);
        assert_eq!(shown, said);
        assert!(kept.starts_with("error: \u{fffd}\nxx"));
        assert!(kept.len() <= SAID_BYTES + "\u{fffd}".len());
    }

    #[test]
    fn flags_of_the_environment_are_kept_and_ours_added() {
        let stack = "-C\u{1f}link-arg=-zstack-size=4194304";
        let ours = &format!("--cfg\u{1f}getrandom_backend=\"custom\"\u{1f}{stack}");
        let flags = |encoded: Option<&str>, plain: Option<&str>| {
            environment_flags(encoded.map(str::to_owned), plain.map(str::to_owned))
                .map(|f| f.into_string().unwrap())
        };
        assert_eq!(flags(None, None), None, "the configuration's are used");
        assert_eq!(
            flags(None, Some("")),
            Some(ours.to_owned()),
            "set but empty hides the configuration's too"
        );
        assert_eq!(
            flags(None, Some("-D  warnings")),
            Some(format!("-D\u{1f}warnings\u{1f}{ours}"))
        );
        assert_eq!(
            flags(Some("--cfg\u{1f}a b"), Some("-x")),
            Some(format!("--cfg\u{1f}a b\u{1f}{ours}"))
        );
        let chosen = "--cfg=getrandom_backend=\"other\"";
        assert_eq!(
            flags(None, Some(chosen)),
            Some(format!("{chosen}\u{1f}{stack}"))
        );
    }
}
