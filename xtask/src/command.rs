//! Running other programs, with their output going where ours goes, and the one way in which a verb fails.

use std::{
    env, fmt, io,
    path::PathBuf,
    process::{Command, ExitStatus},
};

/// Why a verb did not do what it is for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A program could not be started.
    Start { program: String, source: io::Error },
    /// A program ran and failed. It has said why on its own.
    Exit { command: String, status: ExitStatus },
    /// Guests cannot be compiled here, and what would help.
    NoTarget { advice: String },
    /// What the verb was asked for, or what it needs, isn't there; and what would help.
    NotRun { advice: String },
    /// A file of the repository can't be read or written.
    File { path: PathBuf, source: io::Error },
    /// What ran has said what failed, and its last line is to stay the last.
    Reported,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { program, source } => write!(f, "cannot run `{program}`: {source}"),
            Self::Exit { command, status } => write!(f, "`{command}` failed ({status})"),
            Self::NoTarget { advice } | Self::NotRun { advice } => f.write_str(advice),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Reported => f.write_str("see above"),
        }
    }
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    // Cargo says where the crate is when it runs us; without cargo, where it was when it built us.
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    match here.parent() {
        Some(root) => root.to_owned(),
        None => here,
    }
}

/// A program to be run at the top of the repository.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// The cargo that runs us, or else the one in the path.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = program(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.args(args);
    command
}

/// Runs a program to its end; anything but success is a failure that names its command line.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|source| Failure::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Exit {
            command: command_line(command),
            status,
        })
    }
}

/// Runs a program whose own report is the verb's: its failure is not commented on.
pub(crate) fn run_reporting(command: &mut Command) -> Result<(), Failure> {
    run(command).map_err(|failure| match failure {
        Failure::Exit { .. } => Failure::Reported,
        failure => failure,
    })
}

/// A command as one would type it: the program's name without its folder, and the arguments.
fn command_line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn the_root_is_where_the_contract_is() {
        assert!(root().join("wit/root.wit").is_file());
    }

    #[test]
    fn a_command_line_names_the_program_without_its_folder() {
        assert_eq!(
            command_line(Command::new("/usr/bin/env").args(["-i", "true"])),
            "env -i true"
        );
    }

    #[test]
    fn a_program_that_fails_is_a_failure_with_its_command_line() {
        let failure = run(cargo(&["no-such-verb", "--quiet"]).stderr(Stdio::null())).unwrap_err();
        assert!(
            failure.to_string().contains("no-such-verb --quiet` failed"),
            "{failure}"
        );
    }

    #[test]
    fn a_program_that_reports_for_itself_is_not_commented_on() {
        let mut failing = cargo(&["no-such-verb", "--quiet"]);
        let failure = run_reporting(failing.stderr(Stdio::null())).unwrap_err();
        assert!(matches!(failure, Failure::Reported), "{failure}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failure = run(&mut program("no-such-program-anywhere")).unwrap_err();
        assert!(
            failure
                .to_string()
                .starts_with("cannot run `no-such-program-anywhere`"),
            "{failure}"
        );
    }
}
