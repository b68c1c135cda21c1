//! `cargo xtask test`: the whole gate, stage by stage. A stage that fails doesn't keep the next from being run:
//! one run says all that is wrong.

use std::time::{Duration, Instant};

use crate::{
    command::{self, Failure, cargo},
    e2e, target, tidy,
};

/// A part of the gate.
struct Stage {
    name: &'static str,
    run: fn() -> Result<(), Failure>,
}

/// From the quickest answer to the slowest.
const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        run: || command::run(&mut cargo(&["fmt", "--all", "--check"])),
    },
    Stage {
        name: "target",
        run: target::ensure,
    },
    Stage {
        name: "tidy",
        run: tidy::run,
    },
    Stage {
        name: "clippy",
        run: || {
            command::run(&mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
        },
    },
    Stage {
        name: "unit, integration and doc tests",
        run: || command::run(&mut cargo(&["test", "--workspace", "--no-fail-fast"])),
    },
    Stage {
        name: "e2e",
        run: || e2e::run(&[]),
    },
];

/// What came of a stage.
struct Report {
    name: &'static str,
    outcome: Result<(), Failure>,
    took: Duration,
}

/// Runs all stages and sums them up.
pub(crate) fn run() -> Result<(), Failure> {
    let reports: Vec<_> = STAGES
        .iter()
        .enumerate()
        .map(|(index, stage)| report(index, stage))
        .collect();
    println!("\n{}", summary(&reports));
    match failed(&reports) {
        0 => Ok(()),
        _ => Err(Failure::Reported),
    }
}

fn report(index: usize, stage: &Stage) -> Report {
    println!("\n=== {}/{} {}", index + 1, STAGES.len(), stage.name);
    let start = Instant::now();
    let outcome = (stage.run)();
    let took = start.elapsed();
    match &outcome {
        Ok(()) => println!("=== {}: passed in {}", stage.name, seconds(took)),
        Err(failure) => println!("=== {}: FAILED in {}: {failure}", stage.name, seconds(took)),
    }
    Report {
        name: stage.name,
        outcome,
        took,
    }
}

/// A line for each stage, and what they come to as the last one.
fn summary(reports: &[Report]) -> String {
    let width = reports
        .iter()
        .map(|report| report.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::from("=== summary\n");
    for Report {
        name,
        outcome,
        took,
    } in reports
    {
        let took = seconds(*took);
        text += &match outcome {
            Ok(()) => format!("  passed  {name:width$}  {took:>8}\n"),
            Err(failure) => format!("  FAILED  {name:width$}  {took:>8}  {failure}\n"),
        };
    }
    let failed = failed(reports);
    text + &format!("{} passed, {failed} failed", reports.len() - failed)
}

fn failed(reports: &[Report]) -> usize {
    reports
        .iter()
        .filter(|report| report.outcome.is_err())
        .count()
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_failed_and_ends_with_the_count() {
        let reports = [
            Report {
                name: "fmt",
                outcome: Ok(()),
                took: Duration::from_millis(300),
            },
            Report {
                name: "clippy",
                outcome: Err(Failure::NoTarget {
                    advice: "why".to_owned(),
                }),
                took: Duration::from_secs(12),
            },
        ];
        assert_eq!(
            summary(&reports),
            "=== summary\n  passed  fmt        0.3 s\n  FAILED  clippy    12.0 s  why\n1 passed, 1 failed"
        );
    }
}
