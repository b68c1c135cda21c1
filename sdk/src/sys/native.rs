//! The functions of [`sys`](crate::sys) on a host in memory, and what a test says and asks of them. Whatever the real host
//! answers to a wrong question is answered here in the same way.

use std::collections::{BTreeMap, BTreeSet};

use super::{Caller, Error, Level, MAX_RANDOM_BYTES, MAX_SLEEP_NS};
use crate::{
    bounded,
    testing::{
        Host, LogLine, MAX_LINE,
        state::{self, PackageState},
    },
};

/// The key that is set only while an upgrade hook runs.
const PREV_VERSION: &str = "prev_version";

/// What this package keeps.
#[derive(Debug, Default)]
struct Sys {
    config: BTreeMap<String, String>,
    capsules: BTreeMap<String, BTreeSet<String>>,
    registry_is_unavailable: bool,
    random: u64,
    ready: bool,
    logs: Vec<LogLine>,
}

impl PackageState for Sys {}

impl Sys {
    /// SplitMix64: small, and the same on every machine. No secret depends on it.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Whether a configuration key is the host's own.
fn is_reserved(key: &str) -> bool {
    key.starts_with("ASTRID_") || key == PREV_VERSION
}

impl Host {
    /// Gives a key of `[env]` a value. A key that is the host's own (`ASTRID_..`, `prev_version`)
    /// stays unset, since no manifest can declare it.
    pub fn env(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        if is_reserved(&key) {
            return self;
        }
        self.set(|sys: &mut Sys| {
            sys.config.insert(key, value.into());
        })
    }

    /// As [`Host::env`], unless the key has a value already.
    pub(crate) fn env_default(self, key: String, value: String) -> Self {
        if self.package(|_, sys: &mut Sys| sys.config.contains_key(&key)) {
            return self;
        }
        self.env(key, value)
    }

    /// Lets an upgrade hook know which version is replaced, while the function runs.
    pub(crate) fn upgrading<T>(&self, previous: &str, function: impl FnOnce() -> T) -> T {
        self.package(|_, sys: &mut Sys| sys.config.insert(PREV_VERSION.into(), previous.into()));
        let done = function();
        self.package(|_, sys: &mut Sys| sys.config.remove(PREV_VERSION));
        done
    }

    /// Loads another capsule, for [`runtime::capsule_has`](crate::runtime::capsule_has) to find.
    pub fn capsule<'a>(
        self,
        uuid: impl Into<String>,
        capabilities: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.set(|sys: &mut Sys| {
            let capabilities = capabilities.into_iter().map(String::from).collect();
            sys.capsules.insert(uuid.into(), capabilities);
        })
    }

    /// Lets the registry of capsules be out of reach.
    pub fn registry_unavailable(self) -> Self {
        self.set(|sys: &mut Sys| sys.registry_is_unavailable = true)
    }

    /// What the randomness grows from; 0 unless given.
    pub fn seed(self, seed: u64) -> Self {
        self.set(|sys: &mut Sys| sys.random = seed)
    }

    /// Everything that was logged so far.
    pub fn logs(&self) -> Vec<LogLine> {
        self.package(|_, sys: &mut Sys| sys.logs.clone())
    }

    /// Whether [`runtime::signal_ready`](crate::runtime::signal_ready) was called.
    pub fn is_ready(&self) -> bool {
        self.package(|_, sys: &mut Sys| sys.ready)
    }
}

pub fn get_config(key: &str) -> Result<Option<String>, Error> {
    Ok(state::with(|_, sys: &mut Sys| sys.config.get(key).cloned()))
}

pub fn get_caller() -> Result<Caller, Error> {
    Ok(state::current().borrow().core.caller.clone())
}

pub fn log(level: Level, message: &str) {
    let message = bounded::cut(message.into(), MAX_LINE);
    state::with(|_, sys: &mut Sys| sys.logs.push(LogLine { level, message }));
}

pub fn signal_ready() {
    state::with(|_, sys: &mut Sys| sys.ready = true);
}

pub fn clock_ms() -> u64 {
    state::current().borrow().core.clock_ns / 1_000_000
}

pub fn clock_monotonic_ns() -> u64 {
    state::current().borrow().core.monotonic_ns
}

pub fn sleep_ns(duration_ns: u64) -> Result<(), Error> {
    if duration_ns > MAX_SLEEP_NS {
        return Err(Error::TooLarge);
    }
    if state::current().borrow_mut().sleep(duration_ns) {
        Ok(())
    } else {
        Err(Error::Cancelled)
    }
}

pub fn random_bytes(length: u64) -> Result<Vec<u8>, Error> {
    if length > MAX_RANDOM_BYTES {
        return Err(Error::TooLarge);
    }
    // It fits: it is at most `MAX_RANDOM_BYTES`.
    let length = length as usize;
    let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
    state::with(|_, sys: &mut Sys| {
        while bytes.len() < length {
            bytes.extend(sys.next_random().to_le_bytes());
        }
    });
    bytes.truncate(length);
    Ok(bytes)
}

pub fn check_capsule_capability(source_uuid: &str, capability: &str) -> Result<bool, Error> {
    state::with(|_, sys: &mut Sys| {
        if sys.registry_is_unavailable {
            return Err(Error::RegistryUnavailable);
        }
        let capsule = sys.capsules.get(source_uuid);
        Ok(capsule.is_some_and(|held| held.contains(capability)))
    })
}

pub fn enumerate_capabilities() -> Vec<String> {
    let state = state::current();
    state.borrow().core.capabilities.keys().cloned().collect()
}
