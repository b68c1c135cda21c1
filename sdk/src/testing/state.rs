//! What a host in memory knows, which host is asked, and how it waits. Here is what all packages share: clock, caller,
//! capabilities and access. What one package keeps is a type in its own folder, which nothing here names.

use core::any::{Any, TypeId};
use core::cell::RefCell;
use core::fmt;
use std::{collections::BTreeMap, rc::Rc, time::Duration};

use toml::Value;

use super::{CLOCK_START_MS, SOURCE_ID, TIMESTAMP, access::Access};
use crate::sys::Caller;

/// What all packages share.
#[derive(Debug)]
pub struct Core {
    pub caller: Caller,
    /// For whom a run loop runs until it hears somebody.
    pub owner: String,
    /// Whether it is a run loop that runs.
    pub in_run_loop: bool,
    /// The capabilities that the capsule holds, each as its manifest has it: `true`, or a list.
    pub capabilities: BTreeMap<String, Value>,
    /// What the manifest lists; without one everything may be published and subscribed to.
    pub access: Option<Access>,
    /// What is wrong with the manifest, or with a file of the test.
    pub mistake: Option<String>,
    /// Nanoseconds since 1970.
    pub clock_ns: u64,
    pub monotonic_ns: u64,
    pub unloading: bool,
    /// When, by the monotonic clock, unloading begins.
    pub unload_at: Option<u64>,
}

impl Default for Core {
    fn default() -> Self {
        Self {
            caller: Caller {
                principal: Some("default".into()),
                source_id: SOURCE_ID.into(),
                timestamp: TIMESTAMP.into(),
            },
            owner: "default".into(),
            in_run_loop: false,
            capabilities: BTreeMap::new(),
            access: None,
            mistake: None,
            clock_ns: CLOCK_START_MS * 1_000_000,
            monotonic_ns: 0,
            unloading: false,
            unload_at: None,
        }
    }
}

impl Core {
    /// On whose behalf the capsule acts.
    pub fn principal(&self) -> String {
        self.caller
            .principal
            .clone()
            .unwrap_or_else(|| self.owner.clone())
    }

    /// Whether the capsule holds a capability.
    pub fn holds(&self, capability: &str) -> bool {
        self.capabilities.contains_key(capability)
    }

    pub fn is_unloading(&self) -> bool {
        self.unloading || self.unload_at.is_some_and(|at| at <= self.monotonic_ns)
    }

    /// When it is so much later, by the monotonic clock.
    pub fn after(&self, time: Duration) -> u64 {
        self.monotonic_ns.saturating_add(nanoseconds(time))
    }

    pub fn pass(&mut self, nanoseconds: u64) {
        self.clock_ns = self.clock_ns.saturating_add(nanoseconds);
        self.monotonic_ns = self.monotonic_ns.saturating_add(nanoseconds);
    }
}

/// What one package keeps on a host. Begins as its `Default`, when it is first asked for.
pub trait PackageState: Any + fmt::Debug {
    /// When the next thing happens that something may be waiting for, by the monotonic clock.
    fn next_event(&self) -> Option<u64> {
        None
    }

    /// Lets happen what is due by now.
    fn settle(&mut self, _now: u64) {}
}

/// All that a host knows.
#[derive(Debug, Default)]
pub struct State {
    pub core: Core,
    packages: BTreeMap<TypeId, Box<dyn PackageState>>,
}

impl State {
    /// What a package keeps, beside what it shares with the others.
    pub fn with<P, T>(&mut self, function: impl FnOnce(&mut Core, &mut P) -> T) -> T
    where
        P: PackageState + Default,
    {
        let key = TypeId::of::<P>();
        let kept = self.packages.remove(&key);
        let kept = kept.and_then(|kept| (kept as Box<dyn Any>).downcast().ok());
        let mut package: Box<P> = kept.unwrap_or_default();
        let done = function(&mut self.core, &mut package);
        self.packages.insert(key, package);
        done
    }

    /// Whether something holds of what a package keeps; of nothing it doesn't.
    pub fn is<P: PackageState>(&self, holds: impl FnOnce(&P) -> bool) -> bool {
        let package = self.packages.get(&TypeId::of::<P>());
        let package = package.and_then(|package| {
            let package: &dyn Any = package.as_ref();
            package.downcast_ref()
        });
        package.is_some_and(holds)
    }

    /// Lets happen what is due by now.
    pub fn settle(&mut self) {
        for package in self.packages.values_mut() {
            package.settle(self.core.monotonic_ns);
        }
    }

    /// Lets time pass, at most until the capsule is being unloaded. Whether it all passed.
    pub fn sleep(&mut self, nanoseconds: u64) -> bool {
        let core = &mut self.core;
        if core.is_unloading() {
            return false;
        }
        let most = core.unload_at.map_or(u64::MAX, |at| at - core.monotonic_ns);
        core.pass(nanoseconds.min(most));
        self.settle();
        nanoseconds <= most
    }

    fn next_event(&self) -> Option<u64> {
        let packages = self.packages.values();
        packages.filter_map(|package| package.next_event()).min()
    }
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

/// Waits for something by moving the clock to whatever comes next: an event of a package, the capsule's unloading, the end
/// of the time (in nanoseconds). Where nothing will ever come, the capsule might as well be unloaded.
pub fn wait(
    state: &RefCell<State>,
    timeout: Option<u64>,
    is_ready: impl Fn(&State) -> bool,
) -> Pause {
    let mut state = state.borrow_mut();
    let deadline = timeout.map(|timeout| state.core.monotonic_ns.saturating_add(timeout));
    loop {
        state.settle();
        if is_ready(&state) {
            return Pause::Ready;
        }
        if state.core.is_unloading() {
            return Pause::Unloaded;
        }
        let now = state.core.monotonic_ns;
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Pause::TimeIsUp;
        }
        let events = [state.next_event(), state.core.unload_at, deadline];
        match events.into_iter().flatten().min() {
            Some(next) => state.core.pass(next.saturating_sub(now)),
            None => return Pause::Unloaded,
        }
    }
}

/// A duration on this host's clocks, which end after 584 years.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

thread_local! {
    /// The hosts that are entered, the innermost last.
    static ENTERED: RefCell<Vec<Rc<RefCell<State>>>> = const { RefCell::new(Vec::new()) };
    /// The host of code that entered none.
    static FALLBACK: Rc<RefCell<State>> = Rc::default();
}

pub fn enter(state: Rc<RefCell<State>>) {
    ENTERED.with_borrow_mut(|entered| entered.push(state));
}

pub fn leave() {
    ENTERED.with_borrow_mut(|entered| entered.pop());
}

/// The host that is asked.
pub fn current() -> Rc<RefCell<State>> {
    ENTERED
        .with_borrow(|entered| entered.last().cloned())
        .unwrap_or_else(|| FALLBACK.with(Rc::clone))
}

/// What a package keeps on the host that is asked, beside what it shares with the others.
pub fn with<P, T>(function: impl FnOnce(&mut Core, &mut P) -> T) -> T
where
    P: PackageState + Default,
{
    current().borrow_mut().with(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package at which something happens twice.
    #[derive(Debug, Default)]
    struct Alarm {
        at: Vec<u64>,
        rang: usize,
    }

    impl PackageState for Alarm {
        fn next_event(&self) -> Option<u64> {
            self.at.first().copied()
        }

        fn settle(&mut self, now: u64) {
            let before = self.at.len();
            self.at.retain(|at| *at > now);
            self.rang += before - self.at.len();
        }
    }

    #[derive(Debug, Default)]
    struct Other(u8);

    impl PackageState for Other {}

    #[test]
    fn each_package_keeps_its_own() {
        let mut state = State::default();
        state.with(|_, other: &mut Other| other.0 += 1);
        assert!(!state.is(|_: &Alarm| true));
        state.with(|_, alarm: &mut Alarm| alarm.rang = 5);
        assert_eq!(state.with(|_, other: &mut Other| other.0), 1);
        assert!(state.is(|alarm: &Alarm| alarm.rang == 5));
    }

    #[test]
    fn a_wait_goes_from_event_to_event_of_any_package() {
        let state = RefCell::new(State::default());
        state.borrow_mut().with(|_, _: &mut Other| ());
        state
            .borrow_mut()
            .with(|_, alarm: &mut Alarm| alarm.at = vec![5, 7]);
        let rang = |times| move |state: &State| state.is(|alarm: &Alarm| alarm.rang == times);
        let now = || state.borrow().core.monotonic_ns;
        assert!(matches!(wait(&state, None, rang(1)), Pause::Ready));
        assert_eq!(now(), 5);
        assert!(matches!(wait(&state, Some(1), rang(2)), Pause::TimeIsUp));
        assert_eq!(now(), 6);
        assert!(matches!(wait(&state, None, rang(2)), Pause::Ready));
        assert_eq!(now(), 7);
        assert!(matches!(wait(&state, None, rang(3)), Pause::Unloaded));
    }

    #[test]
    fn a_wait_ends_when_the_capsule_is_unloaded() {
        let state = RefCell::new(State::default());
        state.borrow_mut().core.unload_at = Some(3);
        assert!(matches!(wait(&state, Some(9), |_| false), Pause::Unloaded));
        assert_eq!(state.borrow().core.monotonic_ns, 3);
    }
}
