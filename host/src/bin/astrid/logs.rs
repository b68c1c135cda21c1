//! `astrid logs`.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use astrid_host::package::PackageError;
use astrid_host::storage::{LogRecord, log_files};
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::log_line;
use crate::session::{Session, capsule, explained, known_principal, principal, unreadable};

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Show what a capsule has logged for a principal
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one
    capsule: String,
    /// Go on showing lines as they come, until Ctrl-C
    #[arg(short, long, conflicts_with = "json")]
    follow: bool,
    /// For whom it ran
    #[arg(long, default_value = "default", value_name = "P")]
    principal: String,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.home()?;
    let (name, principal) = (capsule(&args.capsule)?, principal(&args.principal)?);
    known_principal(&home, &principal)?;
    let files = || {
        log_files(&home, &principal, &name)
            .map_err(unreadable(&home.principal_dir(&principal).join("log")))
    };
    let mut all = files()?;
    if all.is_empty() && !args.follow {
        if !astrid_host::package::installed(&home)?.contains(&name) {
            return Err(explained(&home, PackageError::NotInstalled { name }));
        }
        session
            .out
            .note(format!("{name} has logged nothing for {principal}"));
    }
    let mut records = Vec::new();
    let mut read_to = 0;
    for file in &all {
        read_to = read(file, 0, |record| records.push(record))?;
    }
    let lines: Vec<_> = records.iter().map(log_line).collect();
    if !lines.is_empty() || session.out.is_json() {
        session.out.result(&json!(records), lines.join("\n"));
    }
    if !args.follow {
        return Ok(DONE);
    }
    let mut newest: Option<PathBuf> = all.pop();
    loop {
        std::thread::sleep(LOOK);
        let now = files()?.pop();
        if now != newest {
            (newest, read_to) = (now, 0);
        }
        if let Some(file) = &newest {
            read_to = read(file, read_to, |record| {
                session.out.result(&json!(record), log_line(&record))
            })?;
        }
    }
}

/// Hands over the records of a file from an offset on; answers with the offset after the last whole line.
fn read(path: &Path, from: u64, mut each: impl FnMut(LogRecord)) -> Result<u64, Failure> {
    let mut file = File::open(path).map_err(unreadable(path))?;
    file.seek(SeekFrom::Start(from)).map_err(unreadable(path))?;
    let mut reader = BufReader::new(file);
    let (mut at, mut line) = (from, Vec::new());
    loop {
        line.clear();
        let count = reader
            .read_until(b'\n', &mut line)
            .map_err(unreadable(path))?;
        if count == 0 || line.last() != Some(&b'\n') {
            return Ok(at);
        }
        at += count as u64;
        // A damaged line is somebody else's: the writer writes whole ones.
        if let Ok(record) = serde_json::from_slice(&line) {
            each(record);
        }
    }
}
