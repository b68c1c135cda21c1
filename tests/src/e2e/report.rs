//! What happened, in a form worth reading, and the count at the end.

use std::process::ExitCode;
use std::time::Duration;

use astrid_e2e::command::{Astrid, Output};
use indicatif::ProgressBar;
use serde_json::Value;

/// The call that hello answers as long as all is well.
pub(crate) const GREET: [&str; 5] = [
    "invoke",
    "hello",
    "greet",
    "--payload",
    r#"{"name": "Ada"}"#,
];

/// What a command should come to.
pub(crate) type Judged = Result<String, String>;

/// Prints as it goes, and counts.
#[derive(Default)]
pub(crate) struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    /// Begins a chapter.
    pub(crate) fn chapter(&self, title: &str) {
        println!("\n{title}");
    }

    /// Says what was done to what the next command meets.
    #[expect(clippy::unused_self, reason = "all output goes through the report")]
    pub(crate) fn given(&self, what: &str) {
        println!("  given {what}");
    }

    /// Says what is going on.
    #[expect(clippy::unused_self, reason = "all output goes through the report")]
    pub(crate) fn note(&self, text: &str) {
        println!("{text}");
    }

    /// Runs the command in the repository with `--json`; it has to end with this exit code, and its document is
    /// judged.
    pub(crate) fn ask(
        &mut self,
        astrid: &Astrid,
        arguments: &[&str],
        code: i32,
        judge: impl FnOnce(&Value) -> Judged,
    ) {
        self.ask_in(
            astrid,
            &astrid_e2e::folders::root(),
            arguments,
            "",
            code,
            judge,
        );
    }

    /// The same in another folder, with something on standard input.
    pub(crate) fn ask_in(
        &mut self,
        astrid: &Astrid,
        folder: &std::path::Path,
        arguments: &[&str],
        stdin: &str,
        code: i32,
        judge: impl FnOnce(&Value) -> Judged,
    ) {
        let spinner = ProgressBar::new_spinner().with_message(arguments.join(" "));
        spinner.enable_steady_tick(Duration::from_millis(100));
        let output = astrid.run_in(folder, &[arguments, &["--json"]].concat(), stdin);
        spinner.finish_and_clear();
        let place = folder
            .file_name()
            .filter(|_| folder != astrid_e2e::folders::root() && folder != astrid.workspace())
            .map(|name| format!("   (in {})", name.display()));
        self.answered(&output, &place.unwrap_or_default(), code, judge);
    }

    /// Judges what a command with `--json` has come to; `place` is said after its line.
    pub(crate) fn answered(
        &mut self,
        output: &Output,
        place: &str,
        code: i32,
        judge: impl FnOnce(&Value) -> Judged,
    ) {
        let line = format!("{}{place}", output.line.trim_end_matches(" --json"));
        let judged = if output.code == code {
            output.document().and_then(|document| judge(&document))
        } else {
            Err(format!("exit code {}, expected was {code}", output.code))
        };
        self.line(&line, judged.map(|what| with_code(&what, output)), || {
            output.to_string()
        });
    }

    /// One line of a chapter: what was asked, and what came of it.
    pub(crate) fn line(&mut self, asked: &str, judged: Judged, all: impl FnOnce() -> String) {
        match judged {
            Ok(what) => {
                self.passed += 1;
                println!("  ok    {asked}");
                for line in what.lines() {
                    println!("        {line}");
                }
            }
            Err(why) => {
                self.failed += 1;
                println!("  FAIL  {asked}\n        {why}");
                for line in all().lines() {
                    println!("        | {line}");
                }
            }
        }
    }

    /// Something without which the rest makes no sense is missing.
    pub(crate) fn broken(&mut self, why: &str) {
        self.failed += 1;
        println!("  FAIL  the scenarios can't go on\n        {why}");
    }

    /// The count.
    pub(crate) fn finish(&self) -> ExitCode {
        println!("\n{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// What happened, how long the process took, and its exit code if it isn't 0.
fn with_code(what: &str, output: &Output) -> String {
    let took = format!("{} ms in all", output.elapsed.as_millis());
    let end = match output.code {
        0 => format!(" ({took})"),
        code => format!(" (exit code {code}, {took})"),
    };
    match what.split_once('\n') {
        None => format!("{what}{end}"),
        Some((first, rest)) => format!("{first}{end}\n{rest}"),
    }
}

/// Judges a verdict: the word, and its data, or its reason for a `deny`.
pub(crate) fn verdict(word: &'static str, data: Value) -> impl FnOnce(&Value) -> Judged {
    move |document| {
        let key = if word == "deny" { "reason" } else { "data" };
        same(&document["verdict"], &word.into())?;
        same(&document[key], &data)?;
        let said = if data.is_null() {
            String::new()
        } else {
            format!(" {data}")
        };
        let instance = document["instance"].as_str().unwrap_or("?");
        Ok(format!(
            "{word}{said}, {} us, {instance} instance",
            document["elapsed_us"]
        ))
    }
}

/// Judges an error: its kind, and something that its message or its hint has to say.
pub(crate) fn error(kind: &'static str, saying: &'static str) -> impl FnOnce(&Value) -> Judged {
    move |document| {
        let error = &document["error"];
        same(&error["kind"], &kind.into())?;
        let message = error["message"].as_str().unwrap_or_default();
        let hint = error["hint"].as_str().unwrap_or_default();
        if !message.contains(saying) && !hint.contains(saying) {
            return Err(format!(
                "{saying:?} is said neither by {message:?} nor by {hint:?}"
            ));
        }
        let hint = if hint.is_empty() {
            String::new()
        } else {
            format!("\nhint: {hint}")
        };
        Ok(format!("{kind}: {message}{hint}"))
    }
}

/// Nothing but what was expected.
pub(crate) fn same(found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found}, expected was {expected}"))
    }
}
