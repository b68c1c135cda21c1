//! What a principal has with one capsule, resolved once and kept with its lane.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::{Principal, PrincipalError, PrincipalId};
use crate::files::names;
use crate::home::Home;
pub use crate::limits::principal::LOG_LINE;
use crate::limits::principal::OVERLAY_BYTES;
use crate::names::CapsuleName;
use crate::storage::{LogLevel, LogRecord, LogSink};
use crate::text::cut;

/// Bytes of log a second for each (capsule, principal), as they are in the file; a second's worth may come at once.
pub const LOG_RATE: NonZeroU32 =
    NonZeroU32::new(crate::limits::principal::LOG_RATE).expect("more than zero");
/// Most bytes of the line that tells how many were dropped.
const REPORT: usize = 512;

/// One principal with one capsule: its configuration and its log. More stores join as domains come to be served.
pub struct PrincipalScope {
    /// The principal.
    pub principal: Arc<Principal>,
    capsule: CapsuleName,
    overlay: BTreeMap<String, String>,
    rate: DefaultDirectRateLimiter,
    /// Of lines that the guest's own don't hold back.
    beside: DefaultDirectRateLimiter,
    dropped: AtomicU64,
    sinks: Arc<[Arc<dyn LogSink>]>,
}

impl std::fmt::Debug for PrincipalScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrincipalScope")
            .field("principal", &self.principal.id)
            .field("capsule", &self.capsule)
            .finish_non_exhaustive()
    }
}

impl PrincipalScope {
    /// Resolves the scope: reads the env overlay, `home/<principal>/env/<capsule>.env.json`, if there is one.
    ///
    /// # Errors
    /// [`PrincipalError::Overlay`]: an overlay that cannot be read isn't the same as none, since a guard could be open by
    /// its manifest's default.
    pub fn resolve(
        principal: Arc<Principal>,
        capsule: &CapsuleName,
        sinks: Arc<[Arc<dyn LogSink>]>,
    ) -> Result<Self, PrincipalError> {
        let overlay = overlay(&principal, capsule)?;
        Ok(Self {
            principal,
            capsule: capsule.clone(),
            overlay,
            rate: RateLimiter::direct(Quota::per_second(LOG_RATE)),
            beside: RateLimiter::direct(Quota::per_second(LOG_RATE)),
            dropped: AtomicU64::new(0),
            sinks,
        })
    }

    /// What the principal set for this key.
    pub fn overlay(&self, key: &str) -> Option<&str> {
        self.overlay.get(key).map(String::as_str)
    }

    /// Logs a line of the guest, within the rate.
    pub fn log(&self, level: LogLevel, message: String) {
        self.log_within(&self.rate, level, message);
    }

    /// Logs a line that the guest's own don't hold back: a panic, or what the host says of the capsule. There is a rate
    /// of its own for such lines.
    pub fn log_beside(&self, level: LogLevel, message: String) {
        self.log_within(&self.beside, level, message);
    }

    fn log_within(&self, rate: &DefaultDirectRateLimiter, level: LogLevel, message: String) {
        let record = self.record(level, message);
        let report = if self.has_dropped() { REPORT } else { 0 };
        if admits(rate, record.line_bytes() + report) {
            if report > 0 {
                self.say_dropped();
            }
            self.emit(&record);
        } else {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Writes down a line of the host's own about a call of the capsule, whose caller is told as well. Its rate is
    /// the caller's business.
    pub fn report(&self, level: LogLevel, message: String) {
        let record = self.record(level, message);
        for sink in self.sinks.iter() {
            sink.report(&record);
        }
    }

    /// Says how many lines were above the rate since this was last said.
    pub fn report_dropped(&self) {
        // This is called after each call; what isn't said now is said with what is dropped later.
        if self.has_dropped() && admits(&self.beside, REPORT) {
            self.say_dropped();
        }
    }

    fn has_dropped(&self) -> bool {
        self.dropped.load(Relaxed) > 0
    }

    fn say_dropped(&self) {
        let dropped = self.dropped.swap(0, Relaxed);
        if dropped > 0 {
            let text =
                format!("{dropped} log lines were dropped: more than {LOG_RATE} bytes a second");
            self.emit(&self.record(LogLevel::Warn, text));
        }
    }

    fn record(&self, level: LogLevel, message: String) -> LogRecord {
        LogRecord {
            time: jiff::Timestamp::now(),
            level,
            principal: self.principal.id.to_string(),
            capsule: self.capsule.to_string(),
            message: cut(message, LOG_LINE),
        }
    }

    fn emit(&self, record: &LogRecord) {
        for sink in self.sinks.iter() {
            sink.write(record);
        }
    }
}

/// Whether so many bytes are within a rate, towards which they then count.
fn admits(rate: &DefaultDirectRateLimiter, bytes: usize) -> bool {
    let bytes = u32::try_from(bytes).ok().and_then(NonZeroU32::new);
    bytes.is_some_and(|bytes| matches!(rate.check_n(bytes), Ok(Ok(()))))
}

fn overlay(
    principal: &Principal,
    capsule: &CapsuleName,
) -> Result<BTreeMap<String, String>, PrincipalError> {
    let path = overlay_path(&principal.dir, capsule);
    match read_overlay(&path) {
        Ok(values) => Ok(values
            .into_iter()
            .map(|(key, value)| (key, plain(value)))
            .collect()),
        Err(reason) => Err(PrincipalError::Overlay { path, reason }),
    }
}

/// `env/<capsule>.env.json` in the folder of a principal.
fn overlay_path(principal: &Path, capsule: &CapsuleName) -> PathBuf {
    principal.join("env").join(format!("{capsule}.env.json"))
}

fn read_overlay(path: &Path) -> Result<BTreeMap<String, serde_json::Value>, String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(BTreeMap::new());
        }
        Ok(found) if found.len() > OVERLAY_BYTES => {
            return Err(format!("it is larger than {OVERLAY_BYTES} bytes"));
        }
        _ => {}
    }
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

/// The principals that have configured a capsule, with the keys that they set, sorted. Of a file that cannot be
/// understood the keys are unknown.
///
/// # Errors
/// The folder of the principals cannot be read.
pub fn configured(
    home: &Home,
    capsule: &CapsuleName,
) -> std::io::Result<Vec<(PrincipalId, Vec<String>)>> {
    let mut found = Vec::new();
    let names = names(&home.principals_dir())?;
    let principals = names
        .iter()
        .filter_map(|name| name.parse::<PrincipalId>().ok());
    for principal in principals {
        let path = overlay_path(&home.principal_dir(&principal), capsule);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            _ => {
                let values = read_overlay(&path).unwrap_or_default();
                found.push((principal, values.into_keys().collect()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A configuration value as guests see it: strings raw, anything else as JSON.
pub(crate) fn plain(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::principal::Principals;

    #[derive(Default)]
    struct Lines(Mutex<Vec<LogRecord>>);
    impl LogSink for Lines {
        fn write(&self, record: &LogRecord) {
            self.0.lock().push(record.clone());
        }
    }

    fn scope(home: &Home, lines: &Arc<Lines>) -> PrincipalScope {
        resolve(home, lines).expect("no overlay, or a good one")
    }

    fn resolve(home: &Home, lines: &Arc<Lines>) -> Result<PrincipalScope, PrincipalError> {
        let principals = Principals::new(home.clone());
        let principal = principals
            .resolve(&PrincipalId::default_principal())
            .expect("there");
        let sinks: Arc<[Arc<dyn LogSink>]> = Arc::new([Arc::clone(lines) as Arc<dyn LogSink>]);
        PrincipalScope::resolve(
            principal,
            &CapsuleName::parse("hello").expect("a name"),
            sinks,
        )
    }

    #[test]
    fn above_the_rate_lines_are_dropped_and_counted() {
        let lines = Arc::new(Lines::default());
        let scope = scope(&Home::ephemeral().expect("a home"), &lines);
        for _ in 0..100_000 {
            scope.log(LogLevel::Info, "x".repeat(64));
        }
        scope.report_dropped();
        let lines = lines.0.lock();
        let said: usize = lines
            .iter()
            .filter(|line| line.level == LogLevel::Warn)
            .filter_map(|line| line.message.split(' ').next()?.parse::<usize>().ok())
            .sum();
        let kept = lines
            .iter()
            .filter(|line| line.level == LogLevel::Info)
            .count();
        assert_eq!(said + kept, 100_000);
        assert!(kept < 50_000, "{kept}");
    }

    #[test]
    fn what_the_file_will_have_is_charged_and_not_what_the_guest_hands_over() {
        let lines = Arc::new(Lines::default());
        let scope = scope(&Home::ephemeral().expect("a home"), &lines);
        let began = std::time::Instant::now();
        // Each of these is six bytes in a file.
        for _ in 0..200 {
            scope.log(LogLevel::Info, "\u{1}".repeat(10_000));
        }
        let seconds = began.elapsed().as_secs() + 2;
        let lines = lines.0.lock();
        let of_guest = lines.iter().filter(|line| line.level == LogLevel::Info);
        let bytes: usize = of_guest
            .map(|line| serde_json::to_vec(line).expect("a document").len() + 1)
            .sum();
        let most = u64::from(LOG_RATE.get()) * seconds;
        assert!(0 < bytes && bytes as u64 <= most, "{bytes}");
    }

    #[test]
    fn panics_are_not_held_back_by_lines_and_have_a_rate_all_the_same() {
        let lines = Arc::new(Lines::default());
        let scope = scope(&Home::ephemeral().expect("a home"), &lines);
        let panics = |lines: &Lines| {
            let lines = lines.0.lock();
            let panics = lines.iter().filter(|line| line.level == LogLevel::Error);
            panics.count()
        };
        for _ in 0..10_000 {
            scope.log(LogLevel::Info, "x".repeat(1_000));
        }
        scope.log_beside(LogLevel::Error, "panicked".into());
        assert_eq!(panics(&lines), 1);
        let began = std::time::Instant::now();
        for _ in 0..10_000 {
            scope.log_beside(LogLevel::Error, "x".repeat(LOG_LINE));
        }
        let seconds = usize::try_from(began.elapsed().as_secs()).expect("few") + 2;
        assert!(panics(&lines) <= 16 * seconds, "{}", panics(&lines));
    }

    #[test]
    fn a_long_line_is_cut_at_a_character() {
        let lines = Arc::new(Lines::default());
        scope(&Home::ephemeral().expect("a home"), &lines)
            .log(LogLevel::Info, "é".repeat(LOG_LINE));
        let message = &lines.0.lock()[0].message;
        assert!(
            message.len() < LOG_LINE + 64 && message.contains("32768 bytes"),
            "{}",
            message.len()
        );
    }

    #[test]
    fn the_overlay_is_read_and_a_damaged_one_is_an_error_with_its_place() {
        let home = Home::ephemeral().expect("a home");
        let env = home
            .principal_dir(&PrincipalId::default_principal())
            .join("env");
        std::fs::create_dir_all(&env).expect("made");
        std::fs::write(env.join("hello.env.json"), r#"{"A":"raw","B":[1,2]}"#).expect("written");
        let lines = Arc::new(Lines::default());
        let resolved = scope(&home, &lines);
        assert_eq!(
            (resolved.overlay("A"), resolved.overlay("B")),
            (Some("raw"), Some("[1,2]"))
        );
        for damaged in [r#"{"A":"raw","#, "[]", "\"A\"", "{\"A\":\"\u{0}\"}", ""] {
            std::fs::write(env.join("hello.env.json"), damaged).expect("written");
            let error = resolve(&home, &lines).expect_err("refused").to_string();
            assert!(
                error.contains("env/hello.env.json") && error.contains("line 1"),
                "{damaged:?}: {error}"
            );
        }
        std::fs::write(env.join("hello.env.json"), vec![b' '; 1024 * 1024 + 1]).expect("written");
        let error = resolve(&home, &lines).expect_err("refused").to_string();
        assert!(error.contains("1048576"), "{error}");
    }
}
