//! Reads a log as it grows: from its first file on, file after file, each record once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::LogRecord;
use super::logs::{LogFile, LogName, folder, list};
use crate::files::FileError;
use crate::home::Home;
use crate::names::{CapsuleName, PrincipalId};

/// Most bytes that are read at once. A record is shorter: what a guest logs in one line is cut long before.
const CHUNK: usize = 1 << 20;

/// A place in what a capsule has logged for a principal, which moves on with what is read.
#[derive(Debug)]
pub struct LogTail {
    folder: PathBuf,
    /// The file that is being read. Those before it have been.
    current: Option<Current>,
}

/// A file that is being read. It is held open: one that is removed meanwhile is read to its end, and is no other file
/// that has its name later.
#[derive(Debug)]
struct Current {
    name: LogName,
    path: PathBuf,
    inode: u64,
    file: File,
    /// How many of its bytes have been read.
    at: u64,
}

impl LogTail {
    /// The beginning of what a capsule has logged for a principal.
    pub fn new(home: &Home, principal: &PrincipalId, capsule: &CapsuleName) -> Self {
        Self {
            folder: folder(home, principal, capsule),
            current: None,
        }
    }

    /// The next records, those of about a mebibyte at most; none if there are no more now.
    ///
    /// # Errors
    /// [`FileError`] for a file or folder that can't be read.
    pub fn read(&mut self) -> Result<Vec<LogRecord>, FileError> {
        // Listed first: a file that there was is finished before a newer one is begun, as the writer does.
        let files = list(&self.folder).map_err(FileError::at("list", &self.folder))?;
        let mut files = files.into_iter();
        loop {
            if let Some(current) = &mut self.current {
                let records = current
                    .read()
                    .map_err(FileError::at("read", &current.path))?;
                if !records.is_empty() {
                    return Ok(records);
                }
            }
            let Some(next) = files.find(|file| self.is_ahead(file)) else {
                return Ok(Vec::new());
            };
            let path = next.path.clone();
            match Current::open(next) {
                Ok(current) => self.current = Some(current),
                // The oldest file goes when there is too much.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(FileError::at("read", &path)(error)),
            }
        }
    }

    /// Whether a file comes after what has been read.
    fn is_ahead(&self, file: &LogFile) -> bool {
        self.current.as_ref().is_none_or(|current| {
            file.name > current.name || (file.name == current.name && file.inode != current.inode)
        })
    }
}

impl Current {
    fn open(found: LogFile) -> io::Result<Self> {
        let file = File::open(&found.path)?;
        Ok(Self {
            name: found.name,
            path: found.path,
            inode: file.metadata()?.ino(),
            file,
            at: 0,
        })
    }

    /// Its next records.
    fn read(&mut self) -> io::Result<Vec<LogRecord>> {
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            self.file.seek(SeekFrom::Start(self.at))?;
            (&self.file).take(CHUNK as u64).read_to_end(&mut chunk)?;
            let whole = match chunk.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                // No line that the writer wrote is so long: its rest is skipped, too.
                None if chunk.len() == CHUNK => CHUNK,
                None => return Ok(Vec::new()),
            };
            self.at += whole as u64;
            // A damaged line is somebody else's: the writer writes whole ones.
            let records: Vec<_> = chunk[..whole]
                .split(|byte| *byte == b'\n')
                .filter_map(|line| serde_json::from_slice(line).ok())
                .collect();
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::config::LogsConfig;
    use crate::storage::{FileLogs, LogLevel, LogSink};

    struct Log {
        home: Home,
        folder: PathBuf,
        tail: LogTail,
    }

    impl Log {
        fn new() -> Self {
            let home = Home::ephemeral().expect("a home");
            let principal = PrincipalId::default_principal();
            let folder = home.principal_dir(&principal).join("log/hello");
            std::fs::create_dir_all(&folder).expect("made");
            let capsule = CapsuleName::parse("hello").expect("a name");
            let tail = LogTail::new(&home, &principal, &capsule);
            Self { home, folder, tail }
        }

        fn write(&self, date: &str, bytes: &[u8]) {
            let path = self.folder.join(format!("{date}.log"));
            let mut options = File::options();
            let file = options.append(true).create(true).open(path);
            file.expect("opened").write_all(bytes).expect("written");
        }

        fn log(&self, date: &str, message: &str) {
            let record = LogRecord {
                time: jiff::Timestamp::UNIX_EPOCH,
                level: LogLevel::Info,
                principal: "default".into(),
                capsule: "hello".into(),
                message: message.into(),
            };
            let mut line = serde_json::to_vec(&record).expect("a document");
            line.push(b'\n');
            self.write(date, &line);
        }

        /// Everything that there is now.
        fn read(&mut self) -> Vec<String> {
            let mut all = Vec::new();
            loop {
                let records = self.tail.read().expect("read");
                if records.is_empty() {
                    return all;
                }
                all.extend(records.into_iter().map(|record| record.message));
            }
        }
    }

    #[test]
    fn each_record_is_read_once_also_over_midnight() {
        let mut log = Log::new();
        assert!(log.read().is_empty());
        log.log("2026-01-01", "a");
        log.log("2026-01-01", "b");
        assert_eq!(log.read(), ["a", "b"]);
        assert!(log.read().is_empty());
        // One more for the old file, after it was read and before the new one.
        log.log("2026-01-01", "c");
        log.log("2026-01-02", "d");
        log.log("2026-01-03", "e");
        assert_eq!(log.read(), ["c", "d", "e"]);
        log.log("2026-01-03", "f");
        assert_eq!(log.read(), ["f"]);
    }

    #[test]
    fn a_file_that_went_away_is_passed_over() {
        let mut log = Log::new();
        log.log("2026-01-01", "a");
        assert_eq!(log.read(), ["a"]);
        std::fs::remove_file(log.folder.join("2026-01-01.log")).expect("removed");
        assert!(log.read().is_empty());
        log.log("2026-01-02", "b");
        assert_eq!(log.read(), ["b"]);
        std::fs::remove_dir_all(log.home.principals_dir()).expect("removed");
        assert!(log.read().is_empty());
    }

    #[test]
    fn half_a_line_is_waited_for_and_a_damaged_or_endless_one_is_skipped() {
        let mut log = Log::new();
        log.write("2026-01-01", b"no record\n{\"time\":");
        assert!(log.read().is_empty());
        log.write("2026-01-01", b" 5}\n");
        log.log("2026-01-01", "a");
        assert_eq!(log.read(), ["a"]);
        log.write("2026-01-01", &vec![b'x'; 3 * CHUNK + 5]);
        assert!(log.read().is_empty());
        log.write("2026-01-01", b"\n");
        log.log("2026-01-01", "b");
        assert_eq!(log.read(), ["b"]);
    }

    #[test]
    fn a_long_log_is_read_in_parts() {
        let mut log = Log::new();
        let message = "m".repeat(1_000);
        for _ in 0..3_000 {
            log.log("2026-01-01", &message);
        }
        let first = log.tail.read().expect("read").len();
        assert!(0 < first && first < 3_000, "{first}");
        assert_eq!(log.read().len(), 3_000 - first);
    }

    #[test]
    fn the_files_of_a_day_are_read_in_the_order_of_their_numbers() {
        let mut log = Log::new();
        for name in ["2026-01-02", "2026-01-01.10", "2026-01-01", "2026-01-01.9"] {
            log.log(name, name);
        }
        let order = ["2026-01-01", "2026-01-01.9", "2026-01-01.10", "2026-01-02"];
        assert_eq!(log.read(), order);
    }

    #[test]
    fn a_file_that_is_removed_is_read_to_its_end_and_another_one_of_its_name_from_the_beginning() {
        let mut log = Log::new();
        log.log("2026-01-01", "a");
        assert_eq!(log.read(), ["a"]);
        log.log("2026-01-01", "b");
        std::fs::remove_file(log.folder.join("2026-01-01.log")).expect("removed");
        for message in ["c", "d", "e"] {
            log.log("2026-01-01", message);
        }
        assert_eq!(log.read(), ["b", "c", "d", "e"]);
    }

    #[test]
    fn a_follower_hears_what_is_logged_after_the_clock_went_back() {
        let mut log = Log::new();
        let logs = FileLogs::inline(log.home.clone(), LogsConfig::default());
        for (time, message) in [
            ("2026-02-01T00:00:00Z", "a"),
            ("2026-01-01T00:00:00Z", "b"),
            ("2026-01-02T00:00:00Z", "c"),
            ("2026-02-02T00:00:00Z", "d"),
        ] {
            logs.write(&LogRecord {
                time: time.parse().expect("a time"),
                level: LogLevel::Info,
                principal: "default".into(),
                capsule: "hello".into(),
                message: message.into(),
            });
            assert_eq!(log.read(), [message]);
        }
    }
}
