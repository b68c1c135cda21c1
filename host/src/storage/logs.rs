//! What guests log: one writer thread, started by the first line, over the log files of each (principal, capsule).
//!
//! Writing a record never waits. When the writer can't keep up, records are dropped and counted, and the
//! count is written in their place: to the file that they would have gone to.

mod files;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

pub use files::log_files;
pub(super) use files::{LogFile, LogName, folder, list};
use writer::{Inbox, Writer};

use crate::config::LogsConfig;
use crate::home::Home;
use crate::limits::storage::{HEARD, QUEUE};

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

impl LogRecord {
    /// Its line in a log file.
    fn line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }

    /// Bytes of its line in a log file: up to six for one of the message.
    pub(crate) fn line_bytes(&self) -> usize {
        let mut count = Count(1);
        // Counting cannot fail, and a record has a JSON form.
        let _ = serde_json::to_writer(&mut count, self);
        count.0
    }
}

/// Counts what is written to it.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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

/// Whose log it is: a principal's, for a capsule.
type Whose = (String, String);

/// How many records were dropped, for whose file, since the writer last wrote that down. There is an entry for a lane
/// at most, and lanes are bounded.
#[derive(Clone, Default)]
struct Dropped(Arc<Mutex<BTreeMap<Whose, u64>>>);

impl Dropped {
    fn count(&self, record: &LogRecord) {
        let mut dropped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *dropped.entry(whose(record)).or_default() += 1;
    }

    fn take(&self) -> BTreeMap<Whose, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn whose(record: &LogRecord) -> Whose {
    (record.principal.clone(), record.capsule.clone())
}

/// Log files in the home, `home/<principal>/log/<capsule>/<date>.log`, a JSON document a line; from the second file of a
/// day on, `<date>.<number>.log`.
///
/// The writer is started by the first line: its queue alone is more than a command that logs nothing has to set up.
pub struct FileLogs {
    home: Home,
    limits: LogsConfig,
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
    /// The logs of this home, of which so much is kept.
    pub fn new(home: Home, limits: LogsConfig) -> Self {
        Self {
            home,
            limits,
            dropped: Dropped::default(),
            writer: Mutex::default(),
            inline: None,
            written: Arc::default(),
            heard: OnceLock::new(),
        }
    }

    /// The same, for a program that makes a call or two: each line is written in the thread that logs it, which takes
    /// less time than starting one for it.
    pub fn inline(home: Home, limits: LogsConfig) -> Self {
        let mut logs = Self::new(home, limits);
        logs.inline = Some(Mutex::new(logs.make_writer()));
        logs
    }

    fn make_writer(&self) -> Writer {
        Writer::new(
            self.home.clone(),
            self.limits.clone(),
            self.dropped.clone(),
            Arc::clone(&self.written),
        )
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

    fn start(&self) -> io::Result<Running> {
        let (orders, inbox) = sync_channel(QUEUE);
        let inbox = Inbox::new(inbox, self.dropped.clone());
        let writer = self.make_writer();
        let thread = std::thread::Builder::new()
            .name("astrid-logs".into())
            .spawn(move || writer.run(&inbox))?;
        Ok(Running { orders, thread })
    }

    /// Hands a record to the writer's thread; false if it doesn't take it.
    fn hand_over(&self, record: &LogRecord) -> bool {
        let mut running = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            match self.start() {
                Ok(started) => *running = Some(started),
                // A system that has no thread left may have one for a later line.
                Err(error) => tracing::warn!(%error, "no thread can be started to write logs"),
            }
        }
        let order = Order::Record(Box::new(record.clone()));
        match running
            .as_ref()
            .map(|running| running.orders.try_send(order))
        {
            Some(Ok(())) => true,
            Some(Err(TrySendError::Disconnected(_))) => {
                tracing::warn!("the thread that writes logs ended; the next line starts another");
                *running = None;
                false
            }
            Some(Err(TrySendError::Full(_))) | None => false,
        }
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
        if !self.hand_over(record) {
            self.dropped.count(record);
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

#[cfg(test)]
mod tests;
