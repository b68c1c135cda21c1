//! `astrid build`: cargo, then a component, then an archive.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::archive::write_archive;
use super::componentize::componentize;
use super::config::{
    BACKEND_CHOICE, Configured, PROFILE, RUSTFLAGS, configure, workspace_arguments,
};
use super::facts::CapsuleCrate;
use super::files::{canonical, write_atomically};
use super::toolchain::{WASM_TARGET, cannot_start, cargo, require_wasm_target};
use super::{AuthoringError, Result};

/// Where a build's results are, within the crate's folder, whatever target folder cargo was told to use.
pub const OUTPUT_FOLDER: &str = "target/astrid";

/// How a capsule is built.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The unpacked SDK: what [`Sdk::unpack_into`](super::Sdk::unpack_into) returned.
    pub sdk: PathBuf,
    /// How much cargo says, always on standard error.
    pub verbosity: Verbosity,
    /// `cargo --offline`: what is not on this machine is an error.
    pub offline: bool,
    /// `cargo --locked`: a lock file that would change is an error.
    pub locked: bool,
}

impl BuildOptions {
    /// With the usual answers to all questions but where the SDK is.
    #[must_use]
    pub fn new(sdk: PathBuf) -> Self {
        Self {
            sdk,
            verbosity: Verbosity::default(),
            offline: false,
            locked: false,
        }
    }
}

/// How much cargo says. The compiler's warnings and errors are never left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// Progress too.
    #[default]
    Normal,
    /// The commands that cargo runs too.
    Verbose,
}

/// What a build made.
#[derive(Debug, Clone)]
pub struct Built {
    /// `target/astrid/<name>.wasm`: the component.
    pub component: PathBuf,
    /// `target/astrid/<name>.capsule`: what is given to others.
    pub archive: PathBuf,
    /// The component's bytes, as they are in the file.
    pub component_bytes: Vec<u8>,
    /// How long it took, cargo included.
    pub elapsed: Duration,
}

/// Builds the capsule whose crate is in `folder`. What cargo and the compiler say goes to this process's standard
/// error as they say it; standard output is not touched.
///
/// # Errors
/// Nearly every [`AuthoringError`]; each says what to do.
pub fn build(folder: &Path, options: &BuildOptions) -> Result<Built> {
    let started = Instant::now();
    let capsule = CapsuleCrate::read(folder)?;
    require_wasm_target(&capsule.folder)?;
    let arguments = match configure(&capsule.folder, &options.sdk)? {
        Configured::ByWorkspace(manifest) => workspace_arguments(&manifest)?,
        Configured::Written(_) | Configured::UpToDate(_) => Vec::new(),
    };
    let core = compile(&capsule.folder, options, &arguments)?;
    let bytes = fs::read(&core).map_err(AuthoringError::io("read", &core))?;
    let component_bytes =
        componentize(&bytes).map_err(|source| AuthoringError::Componentize { core, source })?;

    let output = capsule.folder.join(OUTPUT_FOLDER);
    fs::create_dir_all(&output).map_err(AuthoringError::io("create", &output))?;
    let component = output.join(format!("{}.wasm", capsule.facts.name));
    let archive = output.join(format!("{}.capsule", capsule.facts.name));
    write_atomically(&component, &component_bytes)?;
    write_archive(&capsule.folder, &capsule.facts, &component_bytes, &archive)?;
    Ok(Built {
        component,
        archive,
        component_bytes,
        elapsed: started.elapsed(),
    })
}

/// Runs cargo and returns the core module that it made of the crate in `folder`.
fn compile(folder: &Path, options: &BuildOptions, arguments: &[String]) -> Result<PathBuf> {
    let mut command = cargo(folder);
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
    let variable = |name| std::env::var(name).ok();
    if let Some(flags) =
        environment_flags(variable("CARGO_ENCODED_RUSTFLAGS"), variable("RUSTFLAGS"))
    {
        command.env("CARGO_ENCODED_RUSTFLAGS", flags);
    }

    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(cannot_start(&command))?;
    let mut core = None;
    // The pipe is read to its end whatever comes, or cargo would wait for it to be emptied.
    for line in child
        .stdout
        .take()
        .map(BufReader::new)
        .into_iter()
        .flat_map(BufReader::lines)
    {
        let Ok(line) = line else { break };
        core = artifact(&line, folder).or(core);
    }
    let status = child.wait().map_err(cannot_start(&command))?;
    if !status.success() {
        return Err(AuthoringError::Cargo {
            folder: folder.to_owned(),
            status: status.code(),
        });
    }
    core.ok_or_else(|| AuthoringError::NoArtifact {
        folder: folder.to_owned(),
    })
}

/// The wasm file that a line of cargo's messages reports, if it is of the crate in `folder`.
fn artifact(line: &str, folder: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let is_ours =
        || canonical(manifest).is_ok_and(|manifest| manifest == folder.join("Cargo.toml"));
    let is_cdylib = message["target"]["crate_types"]
        .as_array()?
        .iter()
        .any(|kind| kind == "cdylib");
    if !is_cdylib || !is_ours() {
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
    let ours = if given.iter().any(|flag| flag.contains(BACKEND_CHOICE)) {
        &[][..]
    } else {
        &RUSTFLAGS[..]
    };
    let all: Vec<&str> = given
        .iter()
        .map(String::as_str)
        .filter(|flag| !flag.is_empty())
        .chain(ours.iter().copied())
        .collect();
    Some(all.join(SEPARATOR).into())
}

#[cfg(test)]
mod tests {
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
            artifact(&message(&ours, "cdylib", &files), &folder),
            Some(PathBuf::from("/t/x.wasm"))
        );
        assert_eq!(
            artifact(&message(&other, "cdylib", &files), &folder),
            None,
            "a dependency's"
        );
        assert_eq!(
            artifact(&message(&ours, "lib", &files), &folder),
            None,
            "no cdylib"
        );
        assert_eq!(artifact("warning: not a message", &folder), None);
        assert_eq!(
            artifact(r#"{"reason":"build-finished","success":true}"#, &folder),
            None
        );
    }

    #[test]
    fn flags_of_the_environment_are_kept_and_ours_added() {
        let ours = "--cfg\u{1f}getrandom_backend=\"custom\"";
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
        assert_eq!(flags(None, Some(chosen)), Some(chosen.to_owned()));
    }
}
