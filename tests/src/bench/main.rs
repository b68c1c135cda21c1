//! The bench: what a host costs above the wasmtime calls that it can't do without.
//!
//! Every line is a ratio of two things measured in the same process, in turn, over many rounds: this project's
//! host, and its floor, raw wasmtime calls under the host's own engine settings (`floor`). `rows` says what is
//! measured and what has to be reached; `measure` takes turns and medians; `report` prints, and writes JSON.
//! Nothing here asserts an absolute time: those differ between machines, and between two runs on one. What a process
//! holds, and which share of a core it takes while nobody asks it anything, is no time.

mod answer;
mod floor;
mod guests;
mod measure;
mod report;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;

/// What can go wrong before there is a number.
type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "usage: cargo xtask bench [--json PATH] [ROW...]

  --json PATH  where the numbers go (target/bench.json unless set)
  ROW          which lines: calls, json, door, load, threads, instances, traps, memory, process,
               install, index, publish, chain, subscribers, loops, idle, kv, compile (all unless named)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(printed) = rows::print(&arguments) {
        return ended(printed.map(|()| false));
    }
    let arguments = match Arguments::parse(arguments.into_iter()) {
        Ok(arguments) => arguments,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    ended(run(&arguments).map(|lines| lines.iter().any(report::Line::fails)))
}

/// What the process ends with; a line that fails is no success.
fn ended(fails: Result<bool, Failure>) -> ExitCode {
    match fails {
        Ok(true) => ExitCode::FAILURE,
        Ok(false) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Vec<report::Line>, Failure> {
    let guests = guests::build()?;
    let lines = rows::measure(&guests, |row| arguments.wants(row))?;
    report::print(&lines);
    report::write(&lines, &arguments.json)?;
    eprintln!("\nwritten to {}", arguments.json.display());
    Ok(lines)
}

struct Arguments {
    json: PathBuf,
    rows: Vec<String>,
}

impl Arguments {
    fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, &'static str> {
        let mut arguments = Self {
            json: astrid_e2e::folders::target().join("bench.json"),
            rows: Vec::new(),
        };
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--json" => arguments.json = given.next().ok_or(USAGE)?.into(),
                row if rows::NAMES.contains(&row) => arguments.rows.push(argument),
                _ => return Err(USAGE),
            }
        }
        Ok(arguments)
    }

    fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|wanted| wanted == row)
    }
}
