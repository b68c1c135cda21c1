//! The functions of [`sys`](crate::sys) on a host in memory, and which host that is. Whatever the
//! real host answers to a wrong question must be answered here in the same way.

use core::cell::RefCell;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use super::{CLOCK_START_MS, LogLine, SOURCE_ID};
use crate::sys::{Caller, Error, Level, MAX_RANDOM_BYTES, MAX_SLEEP_NS};

/// All that a test host knows.
#[derive(Debug)]
pub struct State {
    pub caller: Caller,
    pub config: BTreeMap<String, String>,
    pub capabilities: BTreeSet<String>,
    pub capsules: BTreeMap<String, BTreeSet<String>>,
    pub registry_available: bool,
    pub random: u64,
    /// Nanoseconds since 1970.
    pub clock_ns: u64,
    pub monotonic_ns: u64,
    pub unloading: bool,
    pub ready: bool,
    pub logs: Vec<LogLine>,
}

impl State {
    pub fn new() -> Self {
        Self {
            caller: Caller {
                principal: Some("default".into()),
                source_id: SOURCE_ID.into(),
                timestamp: "2025-01-01T00:00:00Z".into(),
            },
            config: BTreeMap::new(),
            capabilities: BTreeSet::new(),
            capsules: BTreeMap::new(),
            registry_available: true,
            random: 0,
            clock_ns: CLOCK_START_MS * 1_000_000,
            monotonic_ns: 0,
            unloading: false,
            ready: false,
            logs: Vec::new(),
        }
    }

    pub fn pass(&mut self, nanoseconds: u64) {
        self.clock_ns = self.clock_ns.saturating_add(nanoseconds);
        self.monotonic_ns = self.monotonic_ns.saturating_add(nanoseconds);
    }

    /// SplitMix64: small, and the same on every machine. No secret depends on it.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

thread_local! {
    /// The hosts that are entered, the innermost last.
    static ENTERED: RefCell<Vec<Rc<RefCell<State>>>> = const { RefCell::new(Vec::new()) };
    /// The host of code that entered none.
    static FALLBACK: Rc<RefCell<State>> = Rc::new(RefCell::new(State::new()));
}

pub fn enter(state: Rc<RefCell<State>>) {
    ENTERED.with_borrow_mut(|entered| entered.push(state));
}

pub fn leave() {
    ENTERED.with_borrow_mut(|entered| entered.pop());
}

fn with<T>(function: impl FnOnce(&mut State) -> T) -> T {
    let state = ENTERED
        .with_borrow(|entered| entered.last().cloned())
        .unwrap_or_else(|| FALLBACK.with(Rc::clone));
    function(&mut state.borrow_mut())
}

/// A duration on this host's clocks, which end after 584 years.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether a configuration key is the host's own.
pub fn is_reserved(key: &str) -> bool {
    key.starts_with("ASTRID_") || key == "prev_version"
}

pub fn get_config(key: &str) -> Result<Option<String>, Error> {
    Ok(with(|state| state.config.get(key).cloned()))
}

pub fn get_caller() -> Result<Caller, Error> {
    Ok(with(|state| state.caller.clone()))
}

pub fn log(level: Level, message: &str) {
    let message = message.into();
    with(|state| state.logs.push(LogLine { level, message }));
}

pub fn signal_ready() {
    with(|state| state.ready = true);
}

pub fn clock_ms() -> u64 {
    with(|state| state.clock_ns / 1_000_000)
}

pub fn clock_monotonic_ns() -> u64 {
    with(|state| state.monotonic_ns)
}

pub fn sleep_ns(duration_ns: u64) -> Result<(), Error> {
    if duration_ns > MAX_SLEEP_NS {
        return Err(Error::TooLarge);
    }
    with(|state| {
        if state.unloading {
            return Err(Error::Cancelled);
        }
        state.pass(duration_ns);
        Ok(())
    })
}

pub fn random_bytes(length: u64) -> Result<Vec<u8>, Error> {
    if length > MAX_RANDOM_BYTES {
        return Err(Error::TooLarge);
    }
    // It fits: it is at most `MAX_RANDOM_BYTES`.
    let length = length as usize;
    let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
    with(|state| {
        while bytes.len() < length {
            bytes.extend(state.next_random().to_le_bytes());
        }
    });
    bytes.truncate(length);
    Ok(bytes)
}

pub fn check_capsule_capability(source_uuid: &str, capability: &str) -> Result<bool, Error> {
    with(|state| {
        if !state.registry_available {
            return Err(Error::RegistryUnavailable);
        }
        let capsule = state.capsules.get(source_uuid);
        Ok(capsule.is_some_and(|held| held.contains(capability)))
    })
}

pub fn enumerate_capabilities() -> Vec<String> {
    with(|state| state.capabilities.iter().cloned().collect())
}
