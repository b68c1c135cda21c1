//! Results on stdout, everything else on stderr; what guests and files say is escaped before a terminal sees it.

use std::fmt::{self, Display};
use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use astrid_cli::authoring::Severity;
use astrid_host::control::{Problem, Remark, Remarks};
use astrid_host::escape;
use astrid_host::manifest::CapsuleName;
use astrid_host::storage::{LogLevel, LogRecord, LogSink};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::failure::{Failure, document};
use crate::json;
use crate::stdout::print;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// Where a command says things.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether stdout is one JSON document.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// The result: a document where JSON was asked for, else a text.
    pub(crate) fn result(self, document: &impl Serialize, text: impl Display) {
        if self.json {
            self.document(document);
        } else {
            print(text);
        }
    }

    /// A document that has no text.
    pub(crate) fn document(self, document: &impl Serialize) {
        print(Pretty(document));
    }

    /// A line of a result that comes in parts.
    pub(crate) fn line(self, text: impl Display) {
        print(text);
    }

    /// What a person decides on, or should know before something is done.
    pub(crate) fn say(self, text: impl Display) {
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// A line about what is going on.
    pub(crate) fn note(self, text: impl Display) {
        let _ = writeln!(anstream::stderr(), "{DIM}{text}{DIM:#}");
    }

    pub(crate) fn warning(self, text: impl Display) {
        let _ = writeln!(
            anstream::stderr(),
            "{WARN}warning{WARN:#}: {}",
            escape::lines(&text.to_string())
        );
    }

    /// What a check found.
    pub(crate) fn finding(self, bad: Severity, text: impl Display) {
        let _ = writeln!(anstream::stderr(), "{}: {text}", severity(bad));
    }

    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            return self.document(&document(failure));
        }
        let mut err = anstream::stderr().lock();
        let _ = writeln!(
            err,
            "{BAD}error{BAD:#}: {}",
            escape::lines(&failure.message)
        );
        for (depth, frame) in failure.backtrace.iter().enumerate() {
            let _ = writeln!(err, "  {DIM}{depth:>3}: {}{DIM:#}", escape::line(frame));
        }
        if let Some(hint) = &failure.hint {
            let _ = writeln!(err, " {BOLD}hint{BOLD:#}: {}", escape::lines(hint));
        }
    }

    /// Asks on stderr and reads one line; `None` where nobody can answer.
    pub(crate) fn ask(self, question: &str) -> io::Result<Option<bool>> {
        use std::io::IsTerminal as _;
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(None);
        }
        write!(anstream::stderr(), "{BOLD}{question}{BOLD:#} [y/N] ")?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
    }
}

/// A document on several lines; what is in it verbatim stays as it is.
struct Pretty<'a, T>(&'a T);

impl<T: Serialize> Display for Pretty<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = json::pretty(self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// A payload or an answer as it goes into a document: byte for byte, or as a string where it is no JSON.
pub(crate) fn verbatim(data: &str) -> Box<RawValue> {
    let text = |_| serde_json::value::to_raw_value(data);
    // A string always has a JSON form.
    RawValue::from_string(data.to_owned())
        .or_else(text)
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A verdict's word, coloured.
pub(crate) fn verdict(word: &str) -> String {
    let style = if word == "deny" { BAD } else { GOOD };
    format!("{style}{word}{style:#}")
}

/// How bad a finding is, coloured.
pub(crate) fn severity(severity: Severity) -> String {
    match severity {
        Severity::Error => format!("{BAD}error{BAD:#}"),
        Severity::Warning => format!("{WARN}warning{WARN:#}"),
    }
}

/// What is wrong with a capsule, one of several, and what to do about it.
pub(crate) fn problem(capsule: &CapsuleName, problem: &Problem) -> String {
    let message = escape::lines(&problem.message);
    match &problem.hint {
        Some(hint) => format!("{capsule}: {message}\n  hint: {}", escape::lines(hint)),
        None => format!("{capsule}: {message}"),
    }
}

/// A heading.
pub(crate) fn bold(text: impl Display) -> String {
    format!("{BOLD}{text}{BOLD:#}")
}

/// A log line as `astrid logs` and a running guest show it.
pub(crate) fn log_line(record: &LogRecord) -> String {
    let (word, style) = match record.level {
        LogLevel::Trace => ("TRACE", DIM),
        LogLevel::Debug => ("DEBUG", DIM),
        LogLevel::Info => ("INFO", GOOD),
        LogLevel::Warn => ("WARN", WARN),
        LogLevel::Error => ("ERROR", BAD),
    };
    let message = escape::line(&record.message);
    format!(
        "{DIM}{:.3}{DIM:#} {style}{word:<5}{style:#} {}: {message}",
        record.time,
        escape::line(&record.capsule)
    )
}

impl Remarks for Output {
    async fn remark(&self, remark: Remark) {
        match remark {
            Remark::Warning(text) => self.warning(text),
            Remark::Note(text) => self.note(escape::lines(&text)),
            Remark::Logged(record) => StderrLog.write(&record),
            // Only `astrid logs` asks for one.
            Remark::Log(_) => {}
        }
    }
}

/// Shows what guests log on stderr while they run.
pub(crate) struct StderrLog;

impl LogSink for StderrLog {
    fn write(&self, record: &LogRecord) {
        // In one piece, whoever else logs at the same time.
        let line = format!("{}\n", log_line(record));
        let _ = anstream::stderr().lock().write_all(line.as_bytes());
    }

    /// The command itself says how its call failed.
    fn report(&self, _record: &LogRecord) {}
}

/// Lets the library's own remarks through to stderr: warnings, and more with `-v`.
pub(crate) fn trace(verbose: u8) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .without_time()
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
}

/// A number of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

/// A table without rules; each row is one line.
pub(crate) fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_header(head);
    // In a pipe a row is a line, however long.
    if let Some((_, columns)) = console::Term::stdout().size_checked() {
        table
            .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
            .set_width(columns);
    }
    for row in rows {
        table.add_row(row.map(|cell| escape::line(&cell)));
    }
    table
        .lines()
        // A cell has a space on each side.
        .map(|line| {
            line.strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_gets_through() {
        assert_eq!(
            escape::lines("a\u{1b}[2Jb\r\u{9b}\u{202e}c\nd"),
            "a\\u{1b}[2Jb\\r\\u{9b}\\u{202e}c\nd"
        );
    }

    #[test]
    fn a_cell_begins_no_row() {
        let cell = "panicked: no\nhello  1.0.0".to_owned();
        let table = table(["NAME", ""], [["demo".to_owned(), cell]]);
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(table.contains("no\\nhello"), "{table}");
    }
}
