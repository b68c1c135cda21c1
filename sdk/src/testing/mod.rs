//! A host in memory, for unit tests: what a capsule asks of its host is answered from here.
//!
//! [`Host::invoke`] calls a hook or a command, `Host::call_tool` a tool, through the very dispatch that the component has, so payloads
//! are read and answers written as they will be. [`Host::run`] is for testing a function by itself.
//! Nothing waits: sleeping moves the clock. Randomness is the same in every run. Limits and error
//! codes are the real host's, and what that refuses (an action that isn't there, a payload that is no JSON) is
//! [`Kind::Refused`] here, which is no Deny. What the manifest allows, too, once the host has it:
//! `Host::new().manifest(include_str!("../Capsule.toml"))`.
//!
//! ```
//! use astrid_sdk::prelude::*;
//! use astrid_sdk::testing::{Host, Kind};
//! use serde_json::json;
//!
//! #[derive(Default)]
//! struct Hello;
//!
//! #[capsule]
//! impl Hello {
//!     #[astrid::hook]
//!     fn greet(&self, name: String) -> Result<Verdict<(), String>> {
//!         log::info!("greeting {name}");
//!         Ok(Verdict::Final(format!("{}, {name}!", env::var("GREETING")?)))
//!     }
//! }
//!
//! let host = Host::new().env("GREETING", "Hello");
//! let outcome = host.invoke(&Hello, "greet", &json!("Ada"));
//! assert_eq!(outcome.verdict, Kind::Final);
//! assert_eq!(outcome.data, Some(json!("Hello, Ada!")));
//! assert_eq!(outcome.logs[0].message, "greeting Ada");
//! ```
//!
//! # State, and several principals
//!
//! What a call keeps, under keys or as [`state`](crate::state), the next one finds, for each principal apart:
//! [`Host::by`] is the same host, called on behalf of another principal. Each call is like that of a fresh instance. Of a
//! capsule with state the value that a call is given is only its type; [`Host::set_state`] and [`Host::state`] set and
//! tell what is kept.
//!
//! ```
//! use astrid_sdk::{prelude::*, testing::Host};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Deserialize, Serialize)]
//! struct Counter {
//!     count: u64,
//! }
//!
//! #[capsule]
//! impl Counter {
//!     #[astrid::hook(retry = 1)]
//!     fn count(&mut self) {
//!         self.count += 1;
//!     }
//! }
//!
//! let host = Host::new();
//! host.set_state("alice", &Counter { count: 41 })?;
//! // The first of the writes to come meets another call.
//! host.refuse_write(1, kv::Error::CasMismatch);
//! for principal in ["alice", "bob"] {
//!     host.by(principal).invoke(&Counter::default(), "count", &());
//! }
//! let count = |principal| host.state::<Counter>(principal).map(|state| state.map(|it| it.count));
//! assert_eq!((count("alice")?, count("bob")?), (Some(42), Some(1)));
//! # Ok::<(), astrid_sdk::state::Error>(())
//! ```
//!
//! # Files, users and links
//!
//! [`Host::file`] has a file there, [`Host::file_text`] and [`Host::files_below`] tell what has become of it. Each principal
//! has a home, a folder for temporary files, and a workspace: the test's, with what was changed on the principal's behalf.
//! What may be read and written the manifest grants. [`Host::user`] and [`Host::linked`] have users and their links there.
//!
//! # Failures
//!
//! [`Host::refuse_write`] has a write to come fail, [`Host::kv_quota`] sets how much there is room for, and
//! [`Host::kv_unavailable`] takes the store of keys and values out of reach; [`Host::secrets_unavailable`] does that of
//! secrets, [`Host::registry_unavailable`] that of capsules, [`Host::identities_unavailable`] that of users and links. Of files,
//! [`Host::refuse_file`] refuses one, [`Host::refuse_file_write`] a write to come, and [`Host::files_quota`] sets how much
//! there is room for.
//!
//! # Messages
//!
//! What the capsule publishes is kept ([`Host::published`]) and reaches its own subscriptions. The test lets messages
//! come ([`Host::deliver`]), answers questions ([`Host::answer`]), and lets publishing fail
//! ([`Host::refuse_publish`]). A run loop ([`Host::start`]) hears all that comes at once: waiting moves the clock to the
//! next message, or to the end of the wait, and after [`RUN_TIME`] the capsule is unloaded.
//!
//! ```
//! use astrid_sdk::{prelude::*, testing::{Host, Incoming}};
//! use std::time::Duration;
//!
//! #[derive(Default)]
//! struct Echo;
//!
//! #[capsule]
//! impl Echo {
//!     #[astrid::run]
//!     fn run(&self) -> Result<()> {
//!         let heard = ipc::subscribe("echo.v1.in")?;
//!         runtime::ready();
//!         while let Some(batch) = heard.wait()? {
//!             for message in batch {
//!                 ipc::publish_json("echo.v1.out", &message.payload)?;
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let host = Host::new();
//! host.deliver(Incoming::new("echo.v1.in", "hello").by("alice").after(Duration::from_secs(60)));
//! assert_eq!(host.start(&Echo), Some(Ok(())));
//! let out = &host.published()[0];
//! assert_eq!((out.topic.as_str(), out.principal.verified()), ("echo.v1.out", Some("alice")));
//! ```
//!
//! A host belongs to its thread. Code that runs with no host entered gets one as
//! [`Host::new`] makes it, a thread its own.

use core::cell::{RefCell, RefMut};
use core::marker::PhantomData;
use std::{
    rc::Rc,
    time::{Duration, SystemTime},
};

use serde::Serialize;

use crate::{
    private::{Capsule, Exit},
    sys::Caller,
};

pub(crate) mod access;
pub(crate) mod door;
mod manifest;
mod outcome;
pub(crate) mod state;
#[cfg(feature = "schemars")]
mod tools;

use state::{Core, PackageState, State};

pub use crate::ipc::native::{Incoming, MAX_KEPT};
pub use door::MAX_NESTING;
pub use outcome::{Kind, LogLine, Outcome};
#[cfg(feature = "schemars")]
pub use tools::ToolOutcome;

/// The most bytes of a payload, also of a rewritten one, and of an answer: 1 MiB.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// The most bytes of an action's name: 256.
pub const MAX_ACTION: usize = 256;

/// The most bytes of a line of log: 16 KiB. A longer one is cut, and says so.
pub const MAX_LINE: usize = 16 << 10;

/// The uuid of the session that events come from, unless [`Host::caller`] says otherwise.
pub const SOURCE_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The uuid of the session of the capsule under test: what it publishes comes from there.
pub const CAPSULE_ID: &str = "00000000-0000-4000-8000-000000000001";

/// The uuid of the session of the capsule that other messages come from, unless the test says otherwise.
pub const PEER_ID: &str = "00000000-0000-4000-8000-000000000002";

/// How long, on the host's clock, a run loop runs that the test doesn't unload: an hour.
pub const RUN_TIME: Duration = Duration::from_secs(3_600);

/// When the clock begins: 2025-01-01T00:00:00Z, in milliseconds since 1970.
pub const CLOCK_START_MS: u64 = 1_735_689_600_000;

/// When every call begins and every message was published: the text is not made from the clock.
pub(crate) const TIMESTAMP: &str = "2025-01-01T00:00:00Z";

/// A host in memory. See the [module](self).
#[derive(Clone, Debug)]
pub struct Host {
    state: Rc<RefCell<State>>,
    /// On whose behalf this handle calls, if that isn't whom the host has.
    by: Option<String>,
}

/// The host stays entered for as long as this lives.
#[must_use = "the host is left as soon as this is dropped"]
#[derive(Debug)]
pub struct Entered {
    /// The caller to be restored, and where.
    before: Option<(Rc<RefCell<State>>, Caller)>,
    // Leaving is a matter of the thread that entered.
    thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        state::leave();
        if let Some((state, caller)) = self.before.take() {
            state.borrow_mut().core.caller = caller;
        }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host on which `default` calls, nothing is configured and the capsule holds no capability.
    pub fn new() -> Self {
        Self {
            state: Rc::default(),
            by: None,
        }
    }

    /// The same host, called on behalf of a principal:
    ///
    /// ```
    /// use astrid_sdk::{kv, testing::Host};
    ///
    /// let host = Host::new();
    /// host.by("alice").run(|| kv::set("city", b"Oslo"))?;
    /// assert_eq!(host.by("bob").run(|| kv::get("city"))?, None);
    /// assert_eq!(host.by("alice").run(|| kv::get("city"))?, Some(b"Oslo".to_vec()));
    /// # Ok::<(), kv::Error>(())
    /// ```
    pub fn by(&self, principal: impl Into<String>) -> Self {
        Self {
            state: self.state.clone(),
            by: Some(principal.into()),
        }
    }

    /// The principal on whose behalf calls run.
    pub fn principal(self, name: impl Into<String>) -> Self {
        self.core().caller.principal = Some(name.into());
        self
    }

    /// The whole of what [`runtime::caller`](crate::runtime::caller) answers; `Caller::default()`
    /// is a call that nobody made.
    pub fn caller(self, caller: Caller) -> Self {
        self.core().caller = caller;
        self
    }

    /// Lets the capsule hold a capability, such as `uplink`, or `acme:billing.charge` where it is an embedder's.
    pub fn capability(self, name: impl Into<String>) -> Self {
        self.core().capabilities.insert(name.into(), true.into());
        self
    }

    /// Sets the time of day, in whole milliseconds; a time before 1970 is 1970.
    pub fn clock(self, time: SystemTime) -> Self {
        let since_epoch = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let nanoseconds = state::nanoseconds(since_epoch);
        self.core().clock_ns = nanoseconds - nanoseconds % 1_000_000;
        self
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        self.core().pass(state::nanoseconds(duration));
    }

    /// From now on the capsule is being unloaded: sleeps are cut short, and nothing is waited for.
    pub fn unload(&self) {
        self.core().unloading = true;
    }

    /// From so much later on the capsule is being unloaded: what waits ends then.
    pub fn unload_after(&self, time: Duration) {
        let mut core = self.core();
        core.unload_at = Some(core.after(time));
    }

    /// Runs a function with this host as the one that is asked.
    pub fn run<T>(&self, function: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        function()
    }

    /// Makes this host the one that is asked, until what is returned is dropped.
    pub fn enter(&self) -> Entered {
        let before = self.by.as_ref().map(|principal| {
            let mut core = self.core();
            let before = core.caller.clone();
            core.caller.principal = Some(principal.clone());
            (self.state.clone(), before)
        });
        state::enter(self.state.clone());
        Entered {
            before,
            thread: PhantomData,
        }
    }

    /// Calls a hook or a command with a payload, as an event would.
    pub fn invoke(
        &self,
        capsule: &impl Capsule,
        action: &str,
        payload: &impl Serialize,
    ) -> Outcome {
        match serde_json::to_vec(payload) {
            Ok(bytes) => self.invoke_bytes(capsule, action, &bytes),
            Err(error) => {
                Outcome::refused(format!("the payload can't be written as JSON: {error}"))
            }
        }
    }

    /// Calls a hook with a payload that is JSON text already, or isn't.
    pub fn invoke_bytes(&self, capsule: &impl Capsule, action: &str, payload: &[u8]) -> Outcome {
        let admitted = self
            .ready_to_call()
            .and_then(|()| door::action(capsule, action))
            .and_then(|()| door::json("payload", payload));
        if let Err(reason) = admitted {
            return Outcome::refused(reason);
        }
        let before = self.logs().len();
        let answer = self.run(|| capsule.dispatch(action, payload));
        Outcome {
            logs: self.logs().split_off(before),
            ..Outcome::of(answer.bounded())
        }
    }

    /// Calls the run loop, until it ends; `None` if the capsule has none.
    ///
    /// It hears what [`Host::deliver`] lets come, at once, since waiting only moves the clock. So that it ends, the
    /// capsule is unloaded when [`Host::unload_after`] says, or else after [`RUN_TIME`]. It runs for nobody, and after
    /// a receive that brought messages for their principal, until the next receive.
    pub fn start(&self, capsule: &impl Capsule) -> Option<Result<(), String>> {
        if let Err(reason) = self.ready_to_call() {
            return Some(Err(reason));
        }
        let (before, unload_at) = {
            let mut core = self.core();
            core.in_run_loop = true;
            core.owner = self.by.clone().unwrap_or_else(|| core.principal());
            let unload_at = core.unload_at;
            if unload_at.is_none() {
                core.unload_at = Some(core.after(RUN_TIME));
            }
            (std::mem::take(&mut core.caller), unload_at)
        };
        // On whose behalf the loop runs changes with what it hears.
        let host = Self {
            state: self.state.clone(),
            by: None,
        };
        let exit = host.run(|| capsule.start());
        let mut core = self.core();
        core.in_run_loop = false;
        core.caller = before;
        core.unload_at = unload_at;
        Some(exit?.ending)
    }

    /// Calls the install hook; `None` if the capsule has none.
    pub fn install(&self, capsule: &impl Capsule) -> Option<Result<(), String>> {
        if let Err(reason) = self.ready_to_call() {
            return Some(Err(reason));
        }
        Some(self.run(|| capsule.install())?.ending)
    }

    /// Calls the upgrade hook, as if this version were replaced; `None` if the capsule has none.
    pub fn upgrade(&self, capsule: &impl Capsule, previous: &str) -> Option<Result<(), String>> {
        if let Err(reason) = self.ready_to_call() {
            return Some(Err(reason));
        }
        let exit: Option<Exit> = self.upgrading(previous, || self.run(|| capsule.upgrade()));
        Some(exit?.ending)
    }

    /// Whether a capsule with this manifest would have been loaded.
    fn ready_to_call(&self) -> Result<(), String> {
        match &self.core().mistake {
            None => Ok(()),
            Some(reason) => Err(reason.clone()),
        }
    }

    /// Whether this handle calls on behalf of a principal of its own.
    pub(crate) fn is_by(&self) -> bool {
        self.by.is_some()
    }

    /// The principal on whose behalf this handle calls.
    pub(crate) fn called_by(&self) -> String {
        match &self.by {
            Some(principal) => principal.clone(),
            None => self.core().principal(),
        }
    }

    fn core(&self) -> RefMut<'_, Core> {
        RefMut::map(self.state.borrow_mut(), |state| &mut state.core)
    }

    /// What a package keeps, beside what it shares with the others.
    pub(crate) fn package<P, T>(&self, function: impl FnOnce(&mut Core, &mut P) -> T) -> T
    where
        P: PackageState + Default,
    {
        self.state.borrow_mut().with(function)
    }

    /// Changes what a package keeps.
    pub(crate) fn set<P>(self, change: impl FnOnce(&mut P)) -> Self
    where
        P: PackageState + Default,
    {
        self.package(|_, package| change(package));
        self
    }
}
