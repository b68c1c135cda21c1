//! The files of a log: their names, their order, and the newest one, to which lines are appended.
//!
//! Files are in the order in which they were written, whatever the clock does: where it has gone back, lines go on in
//! the newest file and in those that follow it on the same date.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::Whose;
use crate::config::LogsConfig;
use crate::files::make_dir;
use crate::home::Home;
use crate::names::{CapsuleName, PrincipalId};

/// The name of a log file: `<date>.log`, and from the second file of a day on `<date>.<number>.log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::storage) struct LogName {
    date: Date,
    number: u32,
}

impl LogName {
    /// The first file of a day.
    fn first(date: Date) -> Self {
        Self { date, number: 1 }
    }

    fn next(self) -> Self {
        Self {
            number: self.number.saturating_add(1),
            ..self
        }
    }

    /// The name that a file has; none if it isn't a log file's.
    fn of(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".log")?;
        let (date, number) = match stem.split_once('.') {
            Some((date, number)) => (date, number.parse().ok()?),
            None => (stem, 1),
        };
        let date = date.parse().ok()?;
        // One spelling each, so that no two files have one place in the order.
        Some(Self { date, number }).filter(|parsed| parsed.to_string() == name)
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            1 => write!(f, "{}.log", self.date),
            number => write!(f, "{}.{number}.log", self.date),
        }
    }
}

/// A file of a log.
#[derive(Debug)]
pub(in crate::storage) struct LogFile {
    pub(in crate::storage) name: LogName,
    pub(in crate::storage) path: PathBuf,
    pub(in crate::storage) inode: u64,
    pub(super) bytes: u64,
}

impl LogFile {
    /// Removes it; one that is gone already is as good.
    pub(super) fn remove(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The files of the log in a folder, oldest first. One that isn't there has none.
pub(in crate::storage) fn list(folder: &Path) -> io::Result<Vec<LogFile>> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(LogName::of) else {
            continue;
        };
        match entry.metadata() {
            Ok(found) => files.push(LogFile {
                name,
                path: entry.path(),
                inode: found.ino(),
                bytes: found.len(),
            }),
            // The oldest file goes when there is too much.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    files.sort_by_key(|file| file.name);
    Ok(files)
}

fn entries(folder: &Path) -> io::Result<Vec<std::fs::DirEntry>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if is_no_folder(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn is_no_folder(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// The folder of a capsule's log for a principal.
pub(in crate::storage) fn folder(
    home: &Home,
    principal: &PrincipalId,
    capsule: &CapsuleName,
) -> PathBuf {
    home.principal_dir(principal)
        .join("log")
        .join(capsule.as_str())
}

/// The log files of a capsule for a principal, oldest first.
///
/// # Errors
/// When the folder can't be listed; one that isn't there has no files.
pub fn log_files(
    home: &Home,
    principal: &PrincipalId,
    capsule: &CapsuleName,
) -> io::Result<Vec<PathBuf>> {
    let files = list(&folder(home, principal, capsule))?;
    Ok(files.into_iter().map(|file| file.path).collect())
}

/// Every log of a home.
pub(super) fn all(home: &Home) -> io::Result<Vec<(Whose, Vec<LogFile>)>> {
    let name = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut logs = Vec::new();
    for principal in entries(&home.principals_dir())? {
        for capsule in entries(&principal.path().join("log"))? {
            let files = list(&capsule.path())?;
            logs.push(((name(&principal), name(&capsule)), files));
        }
    }
    Ok(logs)
}

/// The newest file of a log, open for the lines to come.
pub(super) struct OpenLog {
    folder: PathBuf,
    name: LogName,
    file: File,
    bytes: u64,
    /// Bytes of the files before it; not known until it was looked for what is to be removed.
    older: Option<u64>,
    /// Whether it was said that the oldest lines go.
    told: bool,
}

/// What was done so that a line has room.
#[derive(Default)]
pub(super) struct Room {
    /// The line is the first one of its file.
    pub(super) begins: bool,
    /// Bytes of the files that were removed.
    pub(super) freed: u64,
    /// Lines were removed for want of room, for the first time.
    pub(super) first_loss: bool,
}

impl OpenLog {
    /// Opens the newest file, or makes the first one.
    pub(super) fn open(folder: PathBuf, date: Date) -> io::Result<Self> {
        make_dir(&folder).map_err(io::Error::other)?;
        let newest = list(&folder)?.pop();
        let name = newest.map_or(LogName::first(date), |newest| newest.name);
        Self::at(folder, name)
    }

    fn at(folder: PathBuf, name: LogName) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(folder.join(name.to_string()))?;
        let mut bytes = file.metadata()?.len();
        if let Some(last) = bytes.checked_sub(1) {
            let mut byte = [0];
            file.read_exact_at(&mut byte, last)?;
            // A line that was only begun, when the disk was full, takes none with it.
            if byte != *b"\n" {
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        Ok(Self {
            folder,
            name,
            file,
            bytes,
            older: None,
            told: false,
        })
    }

    /// Makes room for a line of this date: begins the next file if it is time to, and removes the oldest ones.
    pub(super) fn room(&mut self, line: u64, date: Date, limits: &LogsConfig) -> io::Result<Room> {
        let next = if date > self.name.date {
            Some(LogName::first(date))
        } else if self.bytes > 0 && self.bytes.saturating_add(line) > limits.file {
            Some(self.name.next())
        } else {
            None
        };
        if let Some(name) = next {
            let told = self.told;
            *self = Self::at(std::mem::take(&mut self.folder), name)?;
            self.told = told;
        }
        let most = limits
            .capsule
            .saturating_sub(self.bytes.saturating_add(line));
        let mut room = match self.older {
            Some(older) if older <= most => Room::default(),
            _ => self.trim(most, limits.days)?,
        };
        room.begins = self.bytes == 0;
        Ok(room)
    }

    /// Removes what is older than the last `days` days with lines, and the oldest files until those before this one
    /// have at most `most` bytes.
    fn trim(&mut self, most: u64, days: u32) -> io::Result<Room> {
        let mut files = list(&self.folder)?;
        files.retain(|file| file.name < self.name);
        let mut dates: Vec<_> = files.iter().map(|file| file.name.date).collect();
        dates.push(self.name.date);
        dates.dedup();
        let kept = usize::try_from(days.saturating_sub(1)).unwrap_or(usize::MAX);
        let oldest = dates.iter().rev().nth(kept).copied();
        let mut older: u64 = files.iter().map(|file| file.bytes).sum();
        let mut room = Room::default();
        for file in &files {
            let crowded = older > most;
            if !crowded && oldest.is_none_or(|oldest| file.name.date >= oldest) {
                break;
            }
            file.remove()?;
            older -= file.bytes;
            room.freed += file.bytes;
            room.first_loss |= crowded && !self.told;
        }
        self.told |= room.first_loss;
        self.older = Some(older);
        Ok(room)
    }

    /// Appends a line, in one piece.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }
}
