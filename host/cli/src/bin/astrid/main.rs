//! `astrid`: for authors and operators. One file per command, which reads arguments, asks and prints; what is done is in
//! the libraries.

mod build;
mod call;
mod check;
mod consent;
mod duration;
mod env;
mod failure;
mod inspect;
mod install;
mod invoke;
mod json;
mod kv;
mod limits;
mod list;
mod logs;
mod new;
mod output;
mod payload;
mod principal;
mod publish;
mod reload;
mod remove;
mod run;
mod secret;
mod session;
mod signals;
mod sources;
mod stdout;
mod stop;
mod storage;
mod tools;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use astrid_host::ErrorKind;
use clap::{Parser, Subcommand};

use failure::Failure;
use output::Output;
use session::Session;

/// Builds, installs and calls capsules: plugins that run in a sandbox and get only what their manifest asks for.
#[derive(Parser)]
#[command(
    name = "astrid",
    version,
    max_term_width = 100,
    after_help = "Exit codes:
  0  done
  1  failed
  2  wrong usage, or a question without a terminal and without --yes
  3  refused: integrity, import, capability, policy, or a Deny verdict
  141  whatever read the output closed it early"
)]
struct Cli {
    /// The home directory [default: $ASTRID_HOME, else ~/.astrid]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// The folder that capsules may be given as their workspace [default: the current folder]
    #[arg(long, global = true, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// Print one JSON document on stdout, and nothing else there
    #[arg(long, global = true)]
    json: bool,
    /// Say more on stderr; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(new::Args),
    Build(build::Args),
    Check(check::Args),
    Install(install::Args),
    List(list::Args),
    Inspect(inspect::Args),
    Verify(verify::Args),
    Remove(remove::Args),
    Run(run::Args),
    Stop(stop::Args),
    Reload(reload::Args),
    Invoke(invoke::Args),
    Publish(publish::Args),
    Tools(tools::Args),
    Call(call::Args),
    Logs(logs::Args),
    Principal(principal::Args),
    Env(env::Args),
    Secret(secret::Args),
    Kv(kv::Args),
    Storage(storage::Args),
    Limits(limits::Args),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    output::trace(cli.verbose);
    let out = Output::new(cli.json);
    let session = Session::new(cli.home, cli.workspace, cli.verbose, out);
    let done = match cli.command {
        Command::New(args) => new::run(&session, &args),
        Command::Build(args) => build::run(&session, &args),
        Command::Check(args) => check::run(&session, &args),
        Command::Install(args) => install::run(&session, &args),
        Command::List(args) => list::run(&session, &args),
        Command::Inspect(args) => inspect::run(&session, &args),
        Command::Verify(args) => verify::run(&session, &args),
        Command::Remove(args) => remove::run(&session, &args),
        Command::Run(args) => run::run(&session, &args),
        Command::Stop(args) => stop::run(&session, &args),
        Command::Reload(args) => reload::run(&session, &args),
        Command::Invoke(args) => invoke::run(&session, &args),
        Command::Publish(args) => publish::run(&session, &args),
        Command::Tools(args) => tools::run(&session, &args),
        Command::Call(args) => call::run(&session, &args),
        Command::Logs(args) => logs::run(&session, &args),
        Command::Principal(args) => principal::run(&session, &args),
        Command::Env(args) => env::run(&session, &args),
        Command::Secret(args) => secret::run(&session, &args),
        Command::Kv(args) => kv::run(&session, &args),
        Command::Storage(args) => storage::run(&session, &args),
        Command::Limits(args) => limits::run(&session, &args),
    };
    let code = match done {
        Ok(code) => code,
        Err(failure) => {
            out.failure(&failure);
            failure::exit_code(&failure)
        }
    };
    written(code)
}

/// The exit code of a command that came to one, if what it had to say could be written.
fn written(code: ExitCode) -> ExitCode {
    match stdout::unwritten() {
        None => code,
        // Whoever read it has had enough: nothing is wrong.
        Some(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::from(failure::PIPE_CLOSED)
        }
        Some(error) => {
            let message = format!("the result cannot be written to stdout: {error}");
            let failure = Failure::new(ErrorKind::Io, message)
                .hint("see where stdout goes, and that there is room");
            Output::new(false).failure(&failure);
            failure::exit_code(&failure)
        }
    }
}

/// clap's own word on wrong arguments, as JSON where JSON was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        // What is wrong may take several lines; a blank one ends it.
        let said: Vec<_> = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        let said = said.join(" ");
        let message = said.trim_start_matches("error: ");
        Output::new(true).failure(&Failure::usage(message).hint("see: astrid --help"));
    } else {
        stdout::print_clap(error);
    }
    written(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)))
}
