//! Asks the host for everything that the packages of the contract have, and tells what it answered.
//!
//! [`CASES`] says what is asked and what must come of it, a file for each package of the contract. [`DENIED`] and
//! [`REFUSED`] say what comes of odd calls, [`LOOP_EXPECTED`] what a run loop is told, [`STATE`] what is remembered. The same lists are checked here
//! against the host in memory and, by the end-to-end tests, against the real one, under [`PRINCIPAL`]. Both have the
//! manifest: it configures [`ENV`] and holds [`CAPABILITIES`]. Of the topics used here, it leaves out [`CLOSED`]. The
//! workspace has [`FILES`] and [`LINKS`].

#![forbid(unsafe_code)]

mod fs;
mod identity;
mod ipc;
mod kv;
mod poll;
mod secret;
mod sys;

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// Something to ask the host for. The name says what, and is what the hook [`ASK`] takes.
pub struct Case {
    /// Unlike that of any other case.
    pub name: &'static str,
    /// Asks, and tells what was answered; an error by the contract's name.
    pub ask: fn() -> Result<String>,
    /// What must be told.
    pub expected: &'static str,
}

const fn case(name: &'static str, ask: fn() -> Result<String>, expected: &'static str) -> Case {
    Case {
        name,
        ask,
        expected,
    }
}

/// The cases, package by package.
pub const CASES: &[&[Case]] = &[
    fs::files::CASES,
    fs::places::CASES,
    ipc::CASES,
    kv::CASES,
    poll::CASES,
    secret::CASES,
    sys::CASES,
];

/// The cases of packages that the real host does not serve yet: the host in memory alone is asked. Once it serves them,
/// they belong among [`CASES`].
pub const AHEAD: &[&[Case]] = &[identity::CASES];

/// Files that have to be in the workspace beforehand, and what they hold.
pub const FILES: &[(&str, &str)] = &fs::FILES;

/// Symbolic links that have to be in the workspace beforehand, and where they lead.
pub const LINKS: &[(&str, &str)] = &fs::LINKS;

/// The action that takes a case's name, and answers what came of it.
pub const ASK: &str = "ask";

/// On whose behalf the hooks are to be called.
pub const PRINCIPAL: &str = "alice";

/// What is to be configured, as the manifest's defaults.
pub const ENV: [(&str, &str); 2] = [("GREETING", "Hello"), ("EMPTY", "")];

/// The secret that is to be set for [`PRINCIPAL`]: its key and its value.
pub const SECRET: (&str, &str) = ("TOKEN", "hush");

/// What the capsule is to hold.
pub const CAPABILITIES: [&str; 5] = ["fs_read", "fs_write", "identity", "kv", "net"];

/// The topic that the capsule may neither publish nor subscribe to.
pub const CLOSED: &str = "conformance.v2.closed";

/// The case that writes lines of log.
pub const LOG: &str = "lines of log at every level";

/// The case that asks for the value of `GREETING`.
pub const GREETING: &str = "a key with a default";

/// The case that asks for the value of `NOT_SET`, which the manifest doesn't have.
pub const NOT_SET: &str = "a key that is not set";

/// What [`LOG`] writes, in order: level and message.
pub const LOGS: [(&str, &str); 5] = [
    ("trace", "a trace"),
    ("debug", "a debug line"),
    ("info", "an info line"),
    ("warn", "a warning"),
    ("error", "an error"),
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
    ("aks", "null"),
    ("", "null"),
    (ASK, "{"),
    (ASK, r#"{"a":1,"\u0061":2}"#),
];

/// What is asked of the capsule's state one after another: an action, and the verdict and data that must come of it.
pub const STATE: [(&str, &str, &str); 7] = [
    ("look", "final", "0"),
    ("count", "final", "1"),
    ("count", "final", "2"),
    ("count_and_fail", "deny", "\"it failed\""),
    ("count_and_deny", "deny", "\"it is denied\""),
    (
        "count_twice",
        "deny",
        "\"StateConflict: another call changed the state of `Conformance` meanwhile, and nothing of this one is saved: call again, or give the handler `retry = 3` if it may be run again\"",
    ),
    ("look", "final", "4"),
];

/// The capsule.
#[derive(Default, Deserialize, Serialize)]
pub struct Conformance {
    count: u64,
}

#[capsule]
impl Conformance {
    /// Publishes its report, says that it is ready, and ends.
    #[astrid::run]
    fn run() -> Result<()> {
        ipc::run_loop()?;
        runtime::ready();
        Ok(())
    }

    #[astrid::hook]
    fn ask(name: String) -> Result<Verdict<(), String>> {
        let case = CASES
            .iter()
            .copied()
            .flatten()
            .find(|case| case.name == name)
            .ok_or("there is no such case")?;
        Ok(Verdict::Final((case.ask)()?))
    }

    #[astrid::hook]
    fn deny_at_length(text: String) -> Verdict {
        Verdict::Deny(text.repeat(2))
    }

    #[astrid::hook]
    fn fail_at_length(text: String) -> Result<()> {
        Err(Error::msg(text.repeat(2)))
    }

    #[astrid::hook]
    fn misfit_at_length(numbers: Vec<u32>) {
        drop(numbers);
    }

    #[astrid::hook]
    fn look(&self) -> Verdict<(), u64> {
        Verdict::Final(self.count)
    }

    #[astrid::hook]
    fn count(&mut self) -> Verdict<(), u64> {
        self.count += 1;
        Verdict::Final(self.count)
    }

    #[astrid::hook]
    fn count_and_fail(&mut self) -> Result<()> {
        self.count += 100;
        Err("it failed".into())
    }

    #[astrid::hook]
    fn count_and_deny(&mut self) -> Verdict {
        self.count += 1;
        Verdict::Deny("it is denied".into())
    }

    #[astrid::hook]
    fn count_twice(&mut self) -> Result<()> {
        self.count += 100;
        state::update(|conformance: &mut Conformance| conformance.count += 1)?;
        Ok(())
    }
}
