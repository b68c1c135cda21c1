//! `cargo xtask`: what a developer of this repository runs. A verb is a module; here its name is read, and
//! nothing else happens.
//!
//! No dependencies may enter: the first thing a fresh checkout compiles must take a second, not a minute.

use std::process::ExitCode;

mod bench;
mod command;
mod e2e;
mod fuzz;
mod target;
mod test;
mod tidy;

const USAGE: &str = "\
cargo xtask <verb>

    e2e [ARG...]      build everything, then run the end-to-end scenarios through the `astrid` command
    test              the whole gate: fmt, clippy, tidy, unit and doc tests, e2e
    bench [ARG...]    measure, print a table, write it as JSON
    fuzz [TARGET...] [--seconds N]
                      try each fuzz target of host/fuzz for a minute, or for N seconds
    tidy              the house rules: layout, module docs, rooms, machine paths, frozen WIT
    tidy --freeze     also record the shape of WIT packages that are new; a recorded one never changes

ARGs are handed to the program that the verb runs.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = match args.split_first() {
        Some((verb, rest)) => (verb.as_str(), rest),
        None => ("", args.as_slice()),
    };
    let outcome = match (verb, rest) {
        ("e2e", args) => e2e::run(args),
        ("bench", args) => bench::run(args),
        ("fuzz", args) => fuzz::run(args),
        ("test", []) => test::run(),
        ("tidy", []) => tidy::run(),
        ("tidy", [flag]) if flag == "--freeze" => tidy::freeze(),
        ("help" | "-h" | "--help", _) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        ("", _) => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
        ("test" | "tidy", args) => {
            eprintln!(
                "xtask: `{verb}` does not take {}\n\n{USAGE}",
                args.join(" ")
            );
            return ExitCode::from(2);
        }
        _ => {
            eprintln!("xtask: no verb `{verb}`\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(command::Failure::Reported) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
