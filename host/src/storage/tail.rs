//! Reads a log as it grows: from its first file on, file after file, each record once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{LogRecord, log_files};
use crate::home::{Home, HomeError, io_error};
use crate::manifest::CapsuleName;
use crate::principal::PrincipalId;

/// Most bytes that are read at once. A record is shorter: what a guest logs in one line is cut long before.
const CHUNK: usize = 1 << 20;

/// A place in what a capsule has logged for a principal, which moves on with what is read.
#[derive(Debug)]
pub struct LogTail {
    home: Home,
    principal: PrincipalId,
    capsule: CapsuleName,
    /// The file that is being read. Those that sort before it have been.
    file: Option<PathBuf>,
    /// How many bytes of it have been.
    at: u64,
}

impl LogTail {
    /// The beginning of what a capsule has logged for a principal.
    pub fn new(home: &Home, principal: &PrincipalId, capsule: &CapsuleName) -> Self {
        Self {
            home: home.clone(),
            principal: principal.clone(),
            capsule: capsule.clone(),
            file: None,
            at: 0,
        }
    }

    /// The next records, those of about a mebibyte at most; none if there are no more now.
    ///
    /// # Errors
    /// [`HomeError::Io`] for a file or folder that can't be read.
    pub fn read(&mut self) -> Result<Vec<LogRecord>, HomeError> {
        let folder = self.home.principal_dir(&self.principal).join("log");
        let files = log_files(&self.home, &self.principal, &self.capsule)
            .map_err(io_error("list", &folder))?;
        // A file that there was is finished before a newer one is begun: the writer has changed over.
        for file in files {
            match &self.file {
                Some(current) if file < *current => continue,
                Some(current) if file == *current => {}
                _ => (self.file, self.at) = (Some(file.clone()), 0),
            }
            let records = self.of_file(&file)?;
            if !records.is_empty() {
                return Ok(records);
            }
        }
        Ok(Vec::new())
    }

    /// The next records of the current file.
    fn of_file(&mut self, path: &Path) -> Result<Vec<LogRecord>, HomeError> {
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            match fill(path, self.at, &mut chunk) {
                Ok(()) => {}
                // The oldest file goes when there are too many.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(io_error("read", path)(error)),
            }
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

fn fill(path: &Path, from: u64, chunk: &mut Vec<u8>) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    file.take(CHUNK as u64).read_to_end(chunk)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::storage::LogLevel;

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
}
