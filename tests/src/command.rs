//! The `astrid` command as a process, in a home of its own.

mod binary;
mod running;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub use binary::{BINARY_VARIABLE, binary};
pub use running::Running;

/// A home, and the command that works in it.
pub struct Astrid {
    binary: PathBuf,
    /// Holds home, workspace and temporary files; removed at the end.
    place: TempDir,
    /// Where its cargo builds.
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
    /// A binary, such as the [workspace's own](binary()), in a fresh home and an empty workspace. What its cargo
    /// builds goes to a target folder.
    ///
    /// # Errors
    /// What is missing.
    pub fn new(binary: PathBuf, target: &Path) -> Result<Self, String> {
        let place = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        for name in ["workspace", "temporary"] {
            let folder = place.path().join(name);
            std::fs::create_dir(&folder).map_err(|error| format!("{folder:?}: {error}"))?;
        }
        Ok(Self {
            binary,
            place,
            target: target.to_owned(),
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

    /// Where the command, and what it starts, puts temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.place.path().join("temporary")
    }

    /// Runs the command with these arguments, in the workspace.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_in(&self.workspace(), arguments, "")
    }

    /// The same in another folder, with something on its standard input.
    ///
    /// # Panics
    /// If it can't be started: then nothing can be tested.
    pub fn run_in(&self, folder: &Path, arguments: &[&str], stdin: &str) -> Output {
        self.run_with(folder, arguments, stdin, &[])
    }

    /// The same with variables of its environment set, or, with nothing, taken away.
    ///
    /// # Panics
    /// If it can't be started: then nothing can be tested.
    pub fn run_with(
        &self,
        folder: &Path,
        arguments: &[&str],
        stdin: &str,
        environment: &[(&str, &str)],
    ) -> Output {
        let mut command = self.command(folder, arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in environment {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
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
        Output {
            line: line(arguments),
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            elapsed: started.elapsed(),
        }
    }

    /// Runs the command with its standard output going somewhere.
    ///
    /// # Panics
    /// If it can't be started: then nothing can be tested.
    pub fn run_to(&self, stdout: impl Into<Stdio>, arguments: &[&str]) -> Output {
        let mut command = self.command(&self.workspace(), arguments);
        command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped());
        self.waited_for(command, arguments, |_| Vec::new())
    }

    /// Runs the command as `| head -1` would have it: once it has written a line, nobody reads any more.
    ///
    /// # Panics
    /// If it can't be started: then nothing can be tested.
    pub fn run_to_head(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(&self.workspace(), arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.waited_for(command, arguments, |child| {
            let mut line = Vec::new();
            if let Some(pipe) = child.stdout.take() {
                // What it has said if it ended before.
                let _ = BufReader::new(pipe).read_until(b'\n', &mut line);
            }
            line
        })
    }

    /// Starts a command, reads of its standard output what is to be read, and waits for its end.
    fn waited_for(
        &self,
        mut command: Command,
        arguments: &[&str],
        read: impl FnOnce(&mut std::process::Child) -> Vec<u8>,
    ) -> Output {
        let started = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} can't be started: {error}", self.binary));
        let stdout = read(&mut child);
        let output = child
            .wait_with_output()
            .unwrap_or_else(|error| panic!("{:?} can't be waited for: {error}", self.binary));
        Output {
            line: line(arguments),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            elapsed: started.elapsed(),
        }
    }

    /// The command with its environment, not yet started.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("ASTRID_HOME", self.home())
            .env("TMPDIR", self.temporary())
            .env("NO_COLOR", "1")
            .env_remove("RUST_BACKTRACE");
        command
    }
}

/// A command line, as one would type it.
fn line(arguments: &[&str]) -> String {
    let words = arguments.iter().map(|word| quoted(word));
    std::iter::once("astrid".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
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

/// A word as one would type it to a shell, cut if it is very long.
fn quoted(word: &str) -> String {
    const LONG: usize = 120;
    if let Some((end, _)) = word.char_indices().nth(LONG) {
        return format!("{}…", quoted(&word[..end]));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
