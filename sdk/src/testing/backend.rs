//! The functions of [`sys`](crate::sys) on a host in memory, and which host that is. Whatever the
//! real host answers to a wrong question must be answered here in the same way.

use core::cell::RefCell;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use super::{CLOCK_START_MS, LogLine, MAX_LINE, SOURCE_ID, TIMESTAMP, access::Access, bus::Bus};
use crate::{
    bounded,
    sys::{Caller, Error, Level, MAX_RANDOM_BYTES, MAX_SLEEP_NS},
};

pub mod ipc;
pub mod poll;

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
    /// When, by the monotonic clock, unloading begins.
    pub unload_at: Option<u64>,
    pub ready: bool,
    pub logs: Vec<LogLine>,
    pub bus: Bus,
    /// What the manifest lists; without one everything may be published and subscribed to.
    pub access: Option<Access>,
    /// What is wrong with the manifest.
    pub broken_manifest: Option<String>,
    /// Whether it is a run loop that runs.
    pub in_run_loop: bool,
    /// For whom a run loop runs until it hears somebody.
    pub owner: String,
}

/// How a wait ended.
pub enum Pause {
    /// What was waited for is there.
    Ready,
    /// It isn't, and the time is up.
    TimeIsUp,
    /// The capsule is being unloaded.
    Unloaded,
}

impl State {
    pub fn new() -> Self {
        Self {
            caller: Caller {
                principal: Some("default".into()),
                source_id: SOURCE_ID.into(),
                timestamp: TIMESTAMP.into(),
            },
            config: BTreeMap::new(),
            capabilities: BTreeSet::new(),
            capsules: BTreeMap::new(),
            registry_available: true,
            random: 0,
            clock_ns: CLOCK_START_MS * 1_000_000,
            monotonic_ns: 0,
            unloading: false,
            unload_at: None,
            ready: false,
            logs: Vec::new(),
            bus: Bus::default(),
            access: None,
            broken_manifest: None,
            in_run_loop: false,
            owner: "default".into(),
        }
    }

    /// On whose behalf the capsule acts.
    pub fn principal(&self) -> String {
        self.caller
            .principal
            .clone()
            .unwrap_or_else(|| self.owner.clone())
    }

    pub fn is_unloading(&self) -> bool {
        self.unloading || self.unload_at.is_some_and(|at| at <= self.monotonic_ns)
    }

    /// Delivers what has come by now.
    pub fn settle(&mut self) {
        self.bus.settle(self.monotonic_ns);
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

fn current() -> Rc<RefCell<State>> {
    ENTERED
        .with_borrow(|entered| entered.last().cloned())
        .unwrap_or_else(|| FALLBACK.with(Rc::clone))
}

fn with<T>(function: impl FnOnce(&mut State) -> T) -> T {
    function(&mut current().borrow_mut())
}

/// Waits for something by moving the clock to whatever comes next: a message, the capsule's unloading, the end of the time
/// (in nanoseconds). Where nothing will ever come, the capsule might as well be unloaded.
fn wait(state: &RefCell<State>, timeout: Option<u64>, is_ready: impl Fn(&State) -> bool) -> Pause {
    let mut state = state.borrow_mut();
    let deadline = timeout.map(|timeout| state.monotonic_ns.saturating_add(timeout));
    loop {
        state.settle();
        if is_ready(&state) {
            return Pause::Ready;
        }
        if state.is_unloading() {
            return Pause::Unloaded;
        }
        let now = state.monotonic_ns;
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Pause::TimeIsUp;
        }
        let events = [state.bus.next_arrival(), state.unload_at, deadline];
        match events.into_iter().flatten().min() {
            Some(next) => state.pass(next.saturating_sub(now)),
            None => return Pause::Unloaded,
        }
    }
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
    let message = bounded::cut(message.into(), MAX_LINE);
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
        if state.is_unloading() {
            return Err(Error::Cancelled);
        }
        let most = state
            .unload_at
            .map_or(u64::MAX, |at| at - state.monotonic_ns);
        state.pass(duration_ns.min(most));
        state.settle();
        if duration_ns > most {
            return Err(Error::Cancelled);
        }
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
