//! Asks the host for everything that `astrid:sys`, `astrid:ipc` and `astrid:io/poll` have, and reports what it
//! answered.
//!
//! One hook an area. [`EXPECTED`] says what each must report, [`DENIED`] and [`REFUSED`] what comes of others; the same
//! lists are checked here against the host in memory and, by the end-to-end tests, against the real one, under
//! [`PRINCIPAL`]. Both have the manifest: it configures [`ENV`] and holds [`CAPABILITIES`]. Of the topics used here, it
//! leaves out [`CLOSED`].
//!
//! Here is what is asked of `astrid:sys`, in `messages` the rest.

#![forbid(unsafe_code)]

mod messages;

use std::time::{Duration, SystemTime};

use astrid_sdk::{prelude::*, sys};
use serde_json::{Value, json};

/// On whose behalf the hooks are to be called.
pub const PRINCIPAL: &str = "alice";

/// What is to be configured, as the manifest's defaults.
pub const ENV: [(&str, &str); 2] = [("GREETING", "Hello"), ("EMPTY", "")];

/// What the capsule is to hold.
pub const CAPABILITIES: [&str; 2] = ["kv", "net"];

/// The topic that the capsule may neither publish nor subscribe to.
pub const CLOSED: &str = "conformance.v2.closed";

/// What the hook `log` writes, in order: level and message.
pub const LOGS: [(&str, &str); 5] = [
    ("trace", "a trace"),
    ("debug", "a debug line"),
    ("info", "an info line"),
    ("warn", "a warning"),
    ("error", "an error"),
];

/// Each hook, and the report (JSON) that it must answer.
pub const EXPECTED: [(&str, &str); 14] = [
    ("log", r#"{"written":5}"#),
    ("clock", r#"{"after_2024":true,"goes_back":false}"#),
    ("monotonic", r#"{"goes_back":false,"counts_sleep":true}"#),
    (
        "sleep",
        r#"{"zero":"ok","short":"ok","limit_plus_1":"too-large","forever":"too-large"}"#,
    ),
    (
        "random",
        r#"{"none":0,"limit":4096,"limit_plus_1":"too-large","all":"too-large","differ":true,"long":10000}"#,
    ),
    (
        "config",
        r#"{"set":"Hello","empty":"","unset":null,"prev_version":null,"reserved":null,"error":"not-set"}"#,
    ),
    ("caller", r#"{"principal":"alice","timestamp":true}"#),
    (
        "capabilities",
        r#"{"held":["kv","net"],"unknown_capsule":false,"not_a_uuid":false}"#,
    ),
    (
        "publish",
        r#"{"listed":"ok","not_listed":"capability-denied","empty_segment":"invalid-input","upper_case":"invalid-input","star":"invalid-input","deep":"invalid-input","limit":"ok","limit_plus_1":"invalid-input","no_json":"invalid-input","key_twice":"invalid-input","claimed":"capability-denied"}"#,
    ),
    (
        "subscribe",
        r#"{"exact":"ok","star":"ok","not_listed":"capability-denied","star_inside":"invalid-input","star_in_segment":"invalid-input","empty":"invalid-input","limit":16,"limit_plus_1":"quota","one_less":"ok"}"#,
    ),
    (
        "receive",
        r#"{"payloads":[1,2],"topics":["conformance.v1.a","conformance.v1.b.c"],"verified":"alice","source":true,"lost":0,"others":[]}"#,
    ),
    (
        "timeout",
        r#"{"poll":"none","zero":"none","short":"none","waited":true,"unanswered":"timeout"}"#,
    ),
    (
        "poll",
        r#"{"none":"invalid-input","limit":"ok","limit_plus_1":"too-large","before":false,"ready":[1],"block":"ok","after":false}"#,
    ),
    (
        "bindings",
        r#"[{"action":"bindings","topic":"conformance.v1.bound"}]"#,
    ),
];

/// Where the run loop publishes its report.
pub const LOOP_REPORT: &str = "conformance.v1.loop.report";

/// What it must report: of whom it is told in `get-caller` before its first message, after one, and after an empty receive.
pub const LOOP_EXPECTED: &str = r#"{"before":{"principal":false,"source":false,"timestamp":false},"heard":{"principal":true,"source":true,"timestamp":true},"empty":{"principal":false,"source":false,"timestamp":false}}"#;

/// The hooks that deny a string of 340,000 zero-width spaces, at length: in their own words, by an error, by a payload
/// that doesn't fit.
pub const DENIED: [&str; 3] = ["deny_at_length", "fail_at_length", "misfit_at_length"];

/// The most bytes of the reason that is told then.
pub const REASON: usize = astrid_sdk::MAX_REASON;

/// Actions and payloads that reach no capsule: no answer at all, and so no Deny.
pub const REFUSED: [(&str, &str); 4] = [
    ("clok", "null"),
    ("", "null"),
    ("clock", "{"),
    ("clock", r#"{"a":1,"\u0061":2}"#),
];

type Report = Verdict<(), Value>;

/// The capsule.
#[derive(Default)]
pub struct Conformance;

#[capsule]
impl Conformance {
    /// Publishes its report, says that it is ready, and ends.
    #[astrid::run]
    fn run(&self) -> Result<()> {
        messages::run_loop()?;
        runtime::ready();
        Ok(())
    }

    #[astrid::hook]
    fn log(&self) -> Report {
        log::trace("a trace");
        log::debug("a debug line");
        log::info!("an {} line", "info");
        log::warn("a warning");
        log::error("an error");
        Verdict::Final(json!({ "written": LOGS.len() }))
    }

    #[astrid::hook]
    fn clock(&self) -> Report {
        let start_of_2024 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200);
        let first = time::now();
        Verdict::Final(json!({
            "after_2024": first > start_of_2024,
            "goes_back": time::now() < first,
        }))
    }

    #[astrid::hook]
    fn monotonic(&self) -> Result<Report> {
        let first = time::Instant::now();
        let goes_back = time::Instant::now() < first;
        let nap = Duration::from_millis(5);
        time::sleep(nap)?;
        Ok(Verdict::Final(json!({
            "goes_back": goes_back,
            "counts_sleep": first.elapsed() >= nap,
        })))
    }

    #[astrid::hook]
    fn sleep(&self) -> Report {
        let nap = |nanoseconds| match sys::sleep_ns(nanoseconds) {
            Ok(()) => "ok",
            Err(error) => code(&error),
        };
        Verdict::Final(json!({
            "zero": nap(0),
            "short": nap(1_000_000),
            "limit_plus_1": nap(sys::MAX_SLEEP_NS + 1),
            "forever": nap(u64::MAX),
        }))
    }

    #[astrid::hook]
    fn random(&self) -> Result<Report> {
        let count = |length| match sys::random_bytes(length) {
            Ok(bytes) => json!(bytes.len()),
            Err(error) => json!(code(&error)),
        };
        let one: [u8; 32] = runtime::random_array()?;
        let other: [u8; 32] = runtime::random_array()?;
        let mut long = vec![0; 10_000];
        runtime::random_bytes(&mut long)?;
        // The tail of a buffer longer than one call gives is as random as its head.
        let tail_is_filled = long[9_900..].iter().any(|byte| *byte != 0);
        Ok(Verdict::Final(json!({
            "none": count(0),
            "limit": count(sys::MAX_RANDOM_BYTES),
            "limit_plus_1": count(sys::MAX_RANDOM_BYTES + 1),
            "all": count(u64::MAX),
            "differ": one != other,
            "long": if tail_is_filled { long.len() } else { 0 },
        })))
    }

    #[astrid::hook]
    fn config(&self) -> Result<Report> {
        let error = match env::var("NOT_SET") {
            Ok(_) => "set",
            Err(env::Error::NotSet(_)) => "not-set",
            Err(env::Error::Host(error)) => code(&error),
            Err(_) => "another",
        };
        Ok(Verdict::Final(json!({
            "set": env::var("GREETING")?,
            "empty": env::var_opt("EMPTY")?,
            "unset": env::var_opt("NOT_SET")?,
            "prev_version": env::var_opt("prev_version")?,
            "reserved": env::var_opt("ASTRID_NO_SUCH_THING")?,
            "error": error,
        })))
    }

    #[astrid::hook]
    fn caller(&self) -> Result<Report> {
        let caller = runtime::caller()?;
        Ok(Verdict::Final(json!({
            "principal": caller.principal,
            "timestamp": !caller.timestamp.is_empty(),
        })))
    }

    #[astrid::hook]
    fn capabilities(&self) -> Result<Report> {
        let nobody = "00000000-0000-4000-8000-00000000dead";
        Ok(Verdict::Final(json!({
            "held": runtime::capabilities(),
            "unknown_capsule": runtime::capsule_has(nobody, "kv")?,
            "not_a_uuid": runtime::capsule_has("", "kv")?,
        })))
    }

    #[astrid::hook]
    fn publish(&self) -> Result<Report> {
        Ok(Verdict::Final(messages::publish()?))
    }

    #[astrid::hook]
    fn subscribe(&self) -> Report {
        Verdict::Final(messages::subscribe())
    }

    #[astrid::hook]
    fn receive(&self) -> Result<Report> {
        Ok(Verdict::Final(messages::receive()?))
    }

    #[astrid::hook]
    fn timeout(&self) -> Result<Report> {
        Ok(Verdict::Final(messages::timeout()?))
    }

    #[astrid::hook]
    fn poll(&self) -> Result<Report> {
        Ok(Verdict::Final(messages::poll()?))
    }

    #[astrid::hook]
    fn bindings(&self) -> Result<Report> {
        Ok(Verdict::Final(messages::bindings()?))
    }

    #[astrid::hook]
    fn deny_at_length(&self, text: String) -> Verdict {
        Verdict::Deny(text.repeat(2))
    }

    #[astrid::hook]
    fn fail_at_length(&self, text: String) -> Result<()> {
        Err(Error::msg(text.repeat(2)))
    }

    #[astrid::hook]
    fn misfit_at_length(&self, numbers: Vec<u32>) {
        drop(numbers);
    }
}

/// An error by the contract's name.
fn code(error: &sys::Error) -> &'static str {
    match error {
        sys::Error::CapabilityDenied => "capability-denied",
        sys::Error::ConfigKeyReserved => "config-key-reserved",
        sys::Error::TooLarge => "too-large",
        sys::Error::RegistryUnavailable => "registry-unavailable",
        sys::Error::Cancelled => "cancelled",
        _ => "unknown",
    }
}
