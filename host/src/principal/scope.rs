//! What a principal has with one capsule, resolved once and kept with its lane.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::{Principal, PrincipalError};
use crate::env::Env;
pub use crate::limits::principal::LOG_LINE;
use crate::mask::Masks;
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
    values: BTreeMap<String, String>,
    masks: Arc<Masks>,
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
    /// Resolves the scope: reads what is set of the capsule for the principal. What a guest was given in secret is in
    /// `masks`.
    ///
    /// # Errors
    /// [`PrincipalError::Env`]: what cannot be read is not the same as nothing, since a guard could be open by its
    /// manifest's default.
    pub fn resolve(
        principal: Arc<Principal>,
        capsule: &CapsuleName,
        env: &Env,
        masks: Arc<Masks>,
        sinks: Arc<[Arc<dyn LogSink>]>,
    ) -> Result<Self, PrincipalError> {
        let values = env.values(&principal.id, capsule)?;
        Ok(Self {
            principal,
            capsule: capsule.clone(),
            values,
            masks,
            rate: RateLimiter::direct(Quota::per_second(LOG_RATE)),
            beside: RateLimiter::direct(Quota::per_second(LOG_RATE)),
            dropped: AtomicU64::new(0),
            sinks,
        })
    }

    /// The value of a key that is no secret: what is set for the principal, else host-wide.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// What the guest was given in secret: it is kept out of what is said about its calls.
    pub fn masks(&self) -> &Arc<Masks> {
        &self.masks
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
            // Masked before it is cut, which could leave half of a secret.
            message: cut(self.masks.masked(message), LOG_LINE),
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

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::home::Home;
    use crate::principal::{PrincipalId, Principals};
    use crate::storage::FileSecrets;

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
        let env = Env::new(home.clone(), Arc::new(FileSecrets::new(home)));
        PrincipalScope::resolve(
            principal,
            &CapsuleName::parse("hello").expect("a name"),
            &env,
            Arc::default(),
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
    fn a_secret_is_masked_in_a_line_also_where_the_line_is_cut() {
        let lines = Arc::new(Lines::default());
        let scope = scope(&Home::ephemeral().expect("a home"), &lines);
        scope.masks().add("TOKEN", "hush-hush-hush");
        scope.log(LogLevel::Info, "it is hush-hush-hush".into());
        scope.report(LogLevel::Warn, "hush-hush-hush".into());
        let beyond = "x".repeat(LOG_LINE - 9) + "hush-hush-hush";
        scope.log_beside(LogLevel::Error, beyond);
        let lines = lines.0.lock();
        assert_eq!(lines[0].message, "it is [secret TOKEN]");
        assert!(lines.iter().all(|line| !line.message.contains("hush")));
    }
}
