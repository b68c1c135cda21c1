//! Writes records to their files, and keeps what is there within the operator's `[logs]`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use quick_cache::unsync::Cache;
use tokio::sync::watch;

use super::files::{self, OpenLog, Room};
use super::{Dropped, LogLevel, LogRecord, Order, Whose, whose};
use crate::config::LogsConfig;
use crate::home::Home;
use crate::names::{CapsuleName, PrincipalId};

/// Files open at once.
const OPEN_FILES: usize = 64;
/// How often it is said that lines cannot be written.
const SAID_EVERY: Duration = Duration::from_secs(10);
/// Where the home has too much, a sixteenth more than that goes, so that not every line has all logs looked at.
const SLACK: u64 = 16;

/// What the writer is handed. What is left in it when it goes counts as dropped.
pub(super) struct Inbox {
    orders: Receiver<Order>,
    dropped: Dropped,
}

impl Inbox {
    pub(super) fn new(orders: Receiver<Order>, dropped: Dropped) -> Self {
        Self { orders, dropped }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Record(record) = order {
                self.dropped.count(&record);
            }
        }
    }
}

pub(super) struct Writer {
    home: Home,
    limits: LogsConfig,
    logs: Cache<Whose, OpenLog>,
    dropped: Dropped,
    written: Arc<watch::Sender<u64>>,
    /// Bytes of all logs of the home; not looked for until a file is begun.
    total: Option<u64>,
    /// Whether it was said that the home's oldest lines go.
    told: bool,
    /// Lines that could not be written since that was last said, and when it was.
    failed: (u64, Option<Instant>),
}

impl Writer {
    pub(super) fn new(
        home: Home,
        limits: LogsConfig,
        dropped: Dropped,
        written: Arc<watch::Sender<u64>>,
    ) -> Self {
        Self {
            home,
            limits,
            logs: Cache::new(OPEN_FILES),
            dropped,
            written,
            total: None,
            told: false,
            failed: (0, None),
        }
    }

    pub(super) fn run(mut self, inbox: &Inbox) {
        while let Ok(order) = inbox.orders.recv() {
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
        for ((principal, capsule), count) in self.dropped.take() {
            self.put(&LogRecord {
                time: jiff::Timestamp::now(),
                level: LogLevel::Warn,
                principal,
                capsule,
                message: format!("{count} lines were dropped: the log writer was behind"),
            });
        }
    }

    pub(super) fn put(&mut self, record: &LogRecord) {
        let Err(error) = self.try_put(record) else {
            return;
        };
        // It is opened anew: what was written of the line gets an end then.
        self.logs.remove(&whose(record));
        let (lines, said) = &mut self.failed;
        *lines += 1;
        if said.is_none_or(|said| said.elapsed() >= SAID_EVERY) {
            tracing::warn!(capsule = record.capsule, %error, lines, "log lines cannot be written");
            self.failed = (0, Some(Instant::now()));
        }
    }

    fn try_put(&mut self, record: &LogRecord) -> io::Result<()> {
        let line = record.line()?;
        let date = record.time.to_zoned(TimeZone::UTC).date();
        let key = whose(record);
        if self.logs.get(&key).is_none() {
            let log = OpenLog::open(self.folder(record)?, date)?;
            self.logs.insert(key.clone(), log);
        }
        let Some(mut log) = self.logs.get_mut(&key) else {
            return Err(io::Error::other("no room for another open log"));
        };
        let bytes = line.len() as u64;
        let mut room = log.room(bytes, date, &self.limits)?;
        let mut grown = bytes;
        if room.first_loss {
            let said = loss(record, self.limits.capsule).line()?;
            log.append(&said)?;
            grown += said.len() as u64;
            room.freed += log.room(bytes, date, &self.limits)?.freed;
        }
        log.append(&line)?;
        drop(log);
        self.written.send_modify(|written| *written += 1);
        if let Err(error) = self.account(grown, &room) {
            // It is tried again when the next file is begun.
            self.total = None;
            tracing::warn!(%error, "old log lines cannot be removed");
        }
        Ok(())
    }

    /// Keeps count of what all logs of the home have, and within its bound.
    fn account(&mut self, grown: u64, room: &Room) -> io::Result<()> {
        match &mut self.total {
            Some(total) => *total = (*total + grown).saturating_sub(room.freed),
            None if room.begins => self.total = Some(self.look()?),
            None => {}
        }
        if self.total.is_some_and(|total| total > self.limits.home) {
            self.shrink()?;
        }
        Ok(())
    }

    /// The folder of a record's log.
    fn folder(&self, record: &LogRecord) -> io::Result<PathBuf> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "a name that cannot be");
        let principal: PrincipalId = record.principal.parse().map_err(|_| invalid())?;
        let capsule = CapsuleName::parse(&record.capsule).map_err(|_| invalid())?;
        Ok(files::folder(&self.home, &principal, &capsule))
    }

    /// Bytes of all logs of the home.
    fn look(&self) -> io::Result<u64> {
        let logs = files::all(&self.home)?;
        let files = logs.iter().flat_map(|(_, files)| files);
        Ok(files.map(|file| file.bytes).sum())
    }

    /// Removes files until the home has room again: each time the oldest one of the largest log, so that a capsule that
    /// floods its log takes nothing from others.
    fn shrink(&mut self) -> io::Result<()> {
        let mut logs: Vec<_> = files::all(&self.home)?
            .into_iter()
            .map(|(whose, files)| {
                let bytes: u64 = files.iter().map(|file| file.bytes).sum();
                (bytes, whose, files.into_iter())
            })
            .collect();
        let goal = self.limits.home - self.limits.home / SLACK;
        let mut total: u64 = logs.iter().map(|(bytes, ..)| bytes).sum();
        // Also if not all could be removed: then it is tried again when as much was written.
        self.total = Some(total.min(goal));
        while total > goal
            && let Some((bytes, whose, files)) = logs.iter_mut().max_by_key(|(bytes, ..)| *bytes)
            && let Some(oldest) = files.next()
        {
            if !self.told {
                let most = self.limits.home;
                tracing::warn!(
                    "the oldest log lines are removed from now on: the home may have {most} bytes of them ([logs] home in etc/config.toml)"
                );
                self.told = true;
            }
            // It may be the one that is open.
            self.logs.remove(whose);
            *bytes -= oldest.bytes;
            match oldest.remove() {
                Ok(()) => total -= oldest.bytes,
                Err(error) => tracing::warn!(%error, "an old log file cannot be removed"),
            }
        }
        Ok(())
    }
}

/// Says in a log, before a line, that its oldest lines go from now on.
fn loss(before: &LogRecord, most: u64) -> LogRecord {
    LogRecord {
        level: LogLevel::Warn,
        message: format!(
            "the oldest lines of this log are removed from now on: it may have {most} bytes ([logs] capsule in etc/config.toml)"
        ),
        ..before.clone()
    }
}
