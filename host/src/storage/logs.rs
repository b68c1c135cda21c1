//! What guests log: one writer thread, started by the first line, over a file a day for each (principal, capsule).
//!
//! Writing a record never waits. When the writer can't keep up, records are dropped and counted, and the
//! count is written in their place: to the file that they would have gone to.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use quick_cache::unsync::Cache;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};
use tracing_appender::rolling::{RollingFileAppender, Rotation};

use crate::home::{Home, make_dir};
use crate::manifest::CapsuleName;
use crate::principal::PrincipalId;

/// Records that may wait for the writer.
const QUEUE: usize = 4_096;
/// Records that whoever hears them may be behind.
const HEARD: usize = 1_024;
/// Files open at once.
const OPEN_FILES: usize = 64;
/// Days, and so files, that are kept.
const DAYS: usize = 7;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Each step.
    Trace,
    /// For who is looking for a mistake.
    Debug,
    /// What happened.
    Info,
    /// What may need attention.
    Warn,
    /// What went wrong.
    Error,
}

/// One line that a capsule logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// When, UTC.
    pub time: jiff::Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// On whose behalf the capsule was running.
    pub principal: String,
    /// Which capsule.
    pub capsule: String,
    /// What it said. Guest-controlled: escape control characters before showing it.
    pub message: String,
}

/// Takes the lines that capsules log.
pub trait LogSink: Send + Sync + 'static {
    /// Takes one line; must not block.
    fn write(&self, record: &LogRecord);

    /// Takes a line of the host's own about a call that failed. The caller is told, too: what is written where callers
    /// read need not say it again.
    fn report(&self, record: &LogRecord) {
        self.write(record);
    }
}

enum Order {
    /// Boxed: the queue's room is set up whole, by the first line of each command that logs.
    Record(Box<LogRecord>),
    Flush(SyncSender<()>),
}

/// Whose file it is: a principal's, for a capsule.
type Whose = (String, String);

/// How many records were dropped, for whose file, since the writer last wrote that down. There is an entry for a lane
/// at most, and lanes are bounded.
type Dropped = Arc<Mutex<BTreeMap<Whose, u64>>>;

fn whose(record: &LogRecord) -> Whose {
    (record.principal.clone(), record.capsule.clone())
}

/// Log files in the home, `home/<principal>/log/<capsule>/<date>.log`, a JSON document a line.
///
/// The writer is started by the first line: its queue alone is more than a command that logs nothing has to set up.
pub struct FileLogs {
    home: Home,
    dropped: Dropped,
    writer: Mutex<Option<Running>>,
    /// Writes in the thread that logs, where there is no thread for it.
    inline: Option<Mutex<Writer>>,
    /// How many records have been written.
    written: Arc<watch::Sender<u64>>,
    /// Hears each record when it is taken. Made when somebody wants to.
    heard: OnceLock<broadcast::Sender<LogRecord>>,
}

/// The writer's thread, and what is handed to it.
struct Running {
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

impl FileLogs {
    /// The logs of this home.
    pub fn new(home: Home) -> Self {
        Self {
            home,
            dropped: Dropped::default(),
            writer: Mutex::default(),
            inline: None,
            written: Arc::default(),
            heard: OnceLock::new(),
        }
    }

    /// The same, for a program that makes a call or two: each line is written in the thread that logs it, which takes
    /// less time than starting one for it.
    pub fn inline(home: Home) -> Self {
        let mut logs = Self::new(home);
        logs.inline = Some(Mutex::new(logs.make_writer()));
        logs
    }

    fn make_writer(&self) -> Writer {
        Writer {
            written: Arc::clone(&self.written),
            ..Writer::new(self.home.clone(), Arc::clone(&self.dropped))
        }
    }

    /// Tells when something was written to a file.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Hears every record from now on, before it is written. Who is more than 1,024 records behind misses some, and is
    /// told how many.
    pub fn hear(&self) -> broadcast::Receiver<LogRecord> {
        let heard = self.heard.get_or_init(|| broadcast::Sender::new(HEARD));
        heard.subscribe()
    }

    /// Waits until everything taken before is in its file.
    pub fn flush(&self) {
        let running = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let orders = running.as_ref().map(|running| running.orders.clone());
        drop(running);
        let (done, wait) = sync_channel(1);
        if orders.is_some_and(|orders| orders.send(Order::Flush(done)).is_ok()) {
            // An error only says that the writer is gone.
            let _ = wait.recv();
        }
    }

    fn start(&self) -> std::io::Result<Running> {
        let (orders, inbox) = sync_channel(QUEUE);
        let writer = self.make_writer();
        let thread = std::thread::Builder::new()
            .name("astrid-logs".into())
            .spawn(move || writer.run(&inbox))?;
        Ok(Running { orders, thread })
    }
}

impl LogSink for FileLogs {
    fn write(&self, record: &LogRecord) {
        if let Some(heard) = self.heard.get().filter(|heard| heard.receiver_count() > 0) {
            // The last one may have gone meanwhile.
            let _ = heard.send(record.clone());
        }
        self.report(record);
    }

    fn report(&self, record: &LogRecord) {
        if let Some(writer) = &self.inline {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            return writer.put(record);
        }
        let mut running = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            match self.start() {
                Ok(started) => *running = Some(started),
                // A system that has no thread left may have one for a later line.
                Err(error) => tracing::warn!(%error, "no thread can be started to write logs"),
            }
        }
        let taken = running.as_ref().is_some_and(|running| {
            let order = Order::Record(Box::new(record.clone()));
            !matches!(running.orders.try_send(order), Err(TrySendError::Full(_)))
        });
        if !taken {
            let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
            *dropped.entry(whose(record)).or_default() += 1;
        }
    }
}

impl Drop for FileLogs {
    fn drop(&mut self) {
        let running = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(Running { orders, thread }) = running.take() {
            // Nobody is left to order anything: that ends it.
            drop(orders);
            // A writer that panicked has nothing left to write.
            let _ = thread.join();
        }
    }
}

struct Writer {
    home: Home,
    files: Cache<Whose, RollingFileAppender>,
    dropped: Dropped,
    written: Arc<watch::Sender<u64>>,
}

impl Writer {
    fn new(home: Home, dropped: Dropped) -> Self {
        Self {
            home,
            files: Cache::new(OPEN_FILES),
            dropped,
            written: Arc::default(),
        }
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        while let Ok(order) = inbox.recv() {
            self.put_dropped();
            match order {
                Order::Record(record) => self.put(&record),
                // The asker may have stopped waiting.
                Order::Flush(done) => drop(done.try_send(())),
            }
        }
        self.put_dropped();
    }

    /// Writes down what was dropped.
    fn put_dropped(&mut self) {
        let dropped =
            std::mem::take(&mut *self.dropped.lock().unwrap_or_else(PoisonError::into_inner));
        for ((principal, capsule), count) in dropped {
            self.put(&LogRecord {
                time: jiff::Timestamp::now(),
                level: LogLevel::Warn,
                principal,
                capsule,
                message: format!("{count} lines were dropped: the log writer was behind"),
            });
        }
    }

    fn put(&mut self, record: &LogRecord) {
        if let Err(error) = self.try_put(record) {
            tracing::warn!(
                capsule = record.capsule,
                error,
                "a log line can't be written"
            );
        }
    }

    fn try_put(&mut self, record: &LogRecord) -> Result<(), String> {
        let mut line = serde_json::to_vec(record).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let key = whose(record);
        if self.files.get(&key).is_none() {
            let file = self.open(record)?;
            self.files.insert(key.clone(), file);
        }
        let Some(mut file) = self.files.get_mut(&key) else {
            return Err("no room for another open log".into());
        };
        file.write_all(&line).map_err(|error| error.to_string())?;
        self.written.send_modify(|written| *written += 1);
        Ok(())
    }

    fn open(&self, record: &LogRecord) -> Result<RollingFileAppender, String> {
        let principal: PrincipalId = record
            .principal
            .parse()
            .map_err(|_| "not a principal's name")?;
        let folder = self
            .home
            .principal_dir(&principal)
            .join("log")
            .join(&record.capsule);
        make_dir(&folder).map_err(|error| error.to_string())?;
        RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_suffix("log")
            .max_log_files(DAYS)
            .build(folder)
            .map_err(|error| error.to_string())
    }
}

/// The log files of a capsule for a principal, oldest first.
///
/// # Errors
/// When the folder can't be listed; one that isn't there has no files.
pub fn log_files(
    home: &Home,
    principal: &PrincipalId,
    capsule: &CapsuleName,
) -> std::io::Result<Vec<PathBuf>> {
    let folder = home
        .principal_dir(principal)
        .join("log")
        .join(capsule.as_str());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            files.push(path);
        }
    }
    // Named by date, so by age.
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(principal: &str, message: &str) -> LogRecord {
        LogRecord {
            time: jiff::Timestamp::UNIX_EPOCH,
            level: LogLevel::Info,
            principal: principal.into(),
            capsule: "hello".into(),
            message: message.into(),
        }
    }

    /// What is in a principal's file.
    fn written(home: &Home, principal: &str) -> Vec<LogRecord> {
        let capsule = CapsuleName::parse("hello").expect("a name");
        let principal = principal.parse().expect("a name");
        let files = log_files(home, &principal, &capsule).expect("listed");
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(&files[0]).expect("read");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a document"))
            .collect()
    }

    #[test]
    fn lines_land_in_the_file_of_their_principal_and_capsule() {
        for make in [FileLogs::new, FileLogs::inline] {
            let home = Home::ephemeral().expect("a home");
            let logs = make(home.clone());
            // Nothing was taken, so nobody is waited for.
            logs.flush();
            assert!(logs.writer.lock().expect("a writer's place").is_none());
            let record = record("default", "a\nb\u{1b}[31m");
            logs.write(&record);
            logs.flush();
            assert_eq!(written(&home, "default"), [record]);
        }
    }

    #[test]
    fn without_a_thread_a_line_is_there_when_it_was_logged() {
        let home = Home::ephemeral().expect("a home");
        let logs = FileLogs::inline(home.clone());
        let told = logs.written();
        logs.write(&record("default", "a line"));
        assert_eq!(written(&home, "default").len(), 1);
        assert!(told.has_changed().expect("it is there"));
        assert!(logs.writer.lock().expect("a writer's place").is_none());
    }

    #[test]
    fn what_is_dropped_is_counted_in_the_file_it_would_have_gone_to() {
        let home = Home::ephemeral().expect("a home");
        let (orders, inbox) = sync_channel(1);
        let logs = FileLogs {
            home: home.clone(),
            dropped: Dropped::default(),
            writer: Mutex::new(Some(Running {
                orders,
                thread: std::thread::spawn(|| ()),
            })),
            inline: None,
            written: Arc::default(),
            heard: OnceLock::new(),
        };
        let writer = Writer::new(home.clone(), Arc::clone(&logs.dropped));
        // Nobody writes yet, and there is room for one.
        for principal in ["alice", "bob", "alice", "bob", "bob"] {
            logs.write(&record(principal, "a line"));
        }
        drop(logs);
        writer.run(&inbox);
        let said = |principal| {
            let records = written(&home, principal).into_iter();
            records
                .map(|record| (record.level, record.message))
                .collect::<Vec<_>>()
        };
        let dropped = |count| {
            let text = format!("{count} lines were dropped: the log writer was behind");
            (LogLevel::Warn, text)
        };
        let kept = (LogLevel::Info, "a line".to_owned());
        assert_eq!(said("alice"), [dropped(1), kept]);
        assert_eq!(said("bob"), [dropped(3)]);
    }
}
