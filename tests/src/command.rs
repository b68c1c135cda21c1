//! The `astrid` command as a process, in a home of its own.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

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
/// Cargo isn't asked, because it would answer with another build of the engine: `cargo test --workspace`, which has
/// just made the binary, and a build of the command alone don't agree on the features of every dependency.
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
const SOURCES: [&str; 8] = [
    "wit",
    "sdk/src",
    "sdk/Cargo.toml",
    "sdk-macros/src",
    "sdk-macros/Cargo.toml",
    "host/src",
    "host/build.rs",
    "host/Cargo.toml",
];

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

fn build() -> Result<(), String> {
    let status = cargo::cargo(&folders::root())
        .args(["build", "--package", "astrid-host", "--bin", "astrid"])
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

/// A home, and the command that works in it.
pub struct Astrid {
    binary: PathBuf,
    /// Holds home and workspace; removed at the end.
    place: TempDir,
    target: PathBuf,
}

/// What a run of the command came to.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, as one would type it.
    pub line: String,
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From its start to its end.
    pub elapsed: Duration,
}

impl Astrid {
    /// The [binary](binary()) in a fresh home and an empty workspace.
    ///
    /// # Errors
    /// What is missing.
    pub fn new() -> Result<Self, String> {
        Self::with(binary()?)
    }

    /// Another binary.
    ///
    /// # Errors
    /// What is missing.
    pub fn with(binary: PathBuf) -> Result<Self, String> {
        let place = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let workspace = place.path().join("workspace");
        std::fs::create_dir(&workspace).map_err(|error| format!("{workspace:?}: {error}"))?;
        Ok(Self {
            binary,
            place,
            target: folders::guests("command"),
        })
    }

    /// The home.
    pub fn home(&self) -> PathBuf {
        self.place.path().join("home")
    }

    /// The workspace, which is also the current folder of the command.
    pub fn workspace(&self) -> PathBuf {
        self.place.path().join("workspace")
    }

    /// Runs the command with these arguments, in the workspace.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        self.run_in(&self.workspace(), arguments, "")
    }

    /// The same with `--json`.
    pub fn json<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        let mut all = vec![OsStr::new("--json")];
        all.extend(arguments.iter().map(AsRef::as_ref));
        self.run(&all)
    }

    /// Runs the command in a folder, with something on its standard input.
    ///
    /// # Panics
    /// If it can't be started: then nothing can be tested.
    pub fn run_in<S: AsRef<OsStr>>(&self, folder: &Path, arguments: &[S], stdin: &str) -> Output {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(folder)
            // Copies share what they compile, and the machine's own configuration stays out.
            .env("CARGO_TARGET_DIR", &self.target)
            .env("ASTRID_HOME", self.home())
            .env("NO_COLOR", "1")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} can't be started: {error}", self.binary));
        if let Some(mut pipe) = child.stdin.take() {
            // A command that reads no input has closed it already.
            let _ = pipe.write_all(stdin.as_bytes());
        }
        let output = child
            .wait_with_output()
            .unwrap_or_else(|error| panic!("{:?} can't be waited for: {error}", self.binary));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let words = arguments
            .iter()
            .map(|word| quoted(&word.as_ref().to_string_lossy()));
        Output {
            line: std::iter::once("astrid".to_owned())
                .chain(words)
                .collect::<Vec<_>>()
                .join(" "),
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            elapsed: started.elapsed(),
        }
    }
}

impl Output {
    /// Standard output as the one JSON document that it must be.
    ///
    /// # Errors
    /// All that the command said, if it is no JSON.
    pub fn document(&self) -> Result<Value, String> {
        serde_json::from_str(&self.stdout)
            .map_err(|error| format!("no JSON on stdout ({error})\n{self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            line,
            code,
            stdout,
            stderr,
            ..
        } = self;
        write!(
            f,
            "$ {line}\nexit code {code}\n--- stdout\n{stdout}--- stderr\n{stderr}"
        )
    }
}

/// A word as one would type it to a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
