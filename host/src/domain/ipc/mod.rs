//! `astrid:ipc`: publishing events, and subscribing to them.
//!
//! Who may publish and subscribe to what is in the manifest's `[publish]` and `[subscribe]`: what isn't there is
//! denied. Where a published event goes is behind [`Outlet`], so this room knows neither handlers nor their chains.
//!
//! What is published is charged to the capsule and the call's principal in the step that takes it: 10 MiB a second, a
//! message as its payload and 256 bytes. So an event that is denied, or refused for want of room, costs nothing, and
//! `backpressure` comes before `rate-limited` where both would do.

mod acl;
mod gates;
mod host;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    CallContext, Domain, DomainLinker, Entry, Own, Parts, PerInstance, PerLoad, Scope, Views,
};
use crate::bus::{CAPSULE_BYTES, Draft, Owner, SubscribeError, Subscription};
use crate::names::PrincipalId;
use crate::policy::contract::Interface;
use crate::registry::CapsuleInfo;
use crate::storage::LogLevel;
use crate::topic::TopicPattern;

mod bindings {
    #![expect(
        missing_docs,
        reason = "generated from wit/, where the documentation is"
    )]
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package astrid:bindings; world ipc { import astrid:ipc/host@1.0.0; }",
        world: "astrid:bindings/ipc",
        imports: {
            "astrid:ipc/host@1.0.0.[method]subscription.poll": async | trappable,
            "astrid:ipc/host@1.0.0.[method]subscription.recv": async | trappable,
            "astrid:ipc/host@1.0.0.[method]subscription.subscribe-readiness": trappable,
            "astrid:ipc/host@1.0.0.subscribe": trappable,
        },
        with: {
            "astrid:io/poll@1.0.0": crate::domain::io::wit,
            "astrid:ipc/host@1.0.0.subscription": super::Heard,
        },
        anyhow: false,
    });
}

pub use crate::limits::ipc::{HANDLER_SUBSCRIPTIONS, SUBSCRIPTIONS};
pub use bindings::astrid::ipc::host as wit;
pub use gates::INTERFACES;
#[cfg(test)]
pub(super) use host::row as host_row;

/// A guest's subscription.
pub struct Heard(Subscription);

/// Why a guest's event isn't taken now. Nothing of it was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It publishes more than it may in a second.
    RateLimited,
    /// Its handlers are behind, or too many listen, or the host is shutting down.
    Backpressure,
    /// It was caused by an event, which was caused by an event, and so on, too often.
    Depth,
    /// It answers a question that the capsule asked itself.
    OwnQuestion,
    /// It is a question to a person, and says in no known way by which id it is answered.
    NoQuestion,
    /// It is a question to a person, and too many of the capsule's are open.
    Questions,
}

/// Where the events of guests go, and come from.
pub trait Outlet: Send + Sync + 'static {
    /// Takes an event that the capsule of `call` publishes in it, for its subscriptions and its handlers, or for neither.
    ///
    /// # Errors
    /// [`Refused`]; it never waits.
    fn publish(&self, call: &CallContext, draft: Draft) -> Result<(), Refused>;

    /// Subscribes for a load of a capsule, to what is published for `only`, or for anybody.
    ///
    /// # Errors
    /// [`SubscribeError`]: the load has as many as it may, or has ended.
    fn subscribe(
        &self,
        subscriptions: &Owner,
        pattern: &TopicPattern,
        only: Option<&PrincipalId>,
    ) -> Result<Subscription, SubscribeError>;
}

/// The least time between two lines that tell of messages which were not delivered.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What a run loop has to tell its owner.
struct Listener {
    /// The scope of the loop's own principal.
    own: Arc<Scope>,
    /// Messages that were not delivered, since this was last told.
    undelivered: u64,
    told: Option<Instant>,
}

impl Listener {
    /// Writes into the capsule's log that messages for `principal` were not delivered; at most once in [`TELL_EVERY`],
    /// with how many there were.
    fn tell_undelivered(&mut self, principal: &PrincipalId, count: u64, reason: &str) {
        self.undelivered += count;
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let count = std::mem::take(&mut self.undelivered);
        let line = format!(
            "messages not delivered to the run loop: {count}; the last one was for {principal}: {reason}"
        );
        self.own.log_beside(LogLevel::Warn, line);
    }
}

/// Serves `astrid:ipc`.
pub struct Ipc {
    outlet: Arc<dyn Outlet>,
}

impl Own for Ipc {
    fn new(parts: &Parts) -> Self {
        Self {
            outlet: Arc::clone(&parts.outlet),
        }
    }
}

/// The subscriptions of one load of a capsule.
impl PerLoad<Ipc> for Owner {
    fn new(_ipc: &Ipc, capsule: &Arc<CapsuleInfo>) -> Self {
        Owner::new(capsule.name.as_str(), SUBSCRIPTIONS).holding(CAPSULE_BYTES)
    }

    fn end(&self) {
        self.close();
    }
}

/// State of one instance.
pub struct Instance {
    /// A run loop hears everybody, and takes on the principal of what it hears; a handler hears only whom it is called
    /// for.
    listener: Option<Listener>,
    /// How many subscriptions the instance holds.
    held: usize,
}

impl PerInstance<Ipc> for Instance {
    fn new(_ipc: &Ipc, _subscriptions: &Owner, call: &CallContext) -> Self {
        // Before its first message a run loop is for its own principal.
        let listener = || Listener {
            own: Arc::clone(&call.scope),
            undelivered: 0,
            told: None,
        };
        Self {
            listener: matches!(call.entry, Entry::RunLoop { .. }).then(listener),
            held: 0,
        }
    }
}

impl Instance {
    /// Whether the instance may hold one more subscription, if its capsule may have one.
    fn may_hold_more(&self) -> bool {
        self.listener.is_some() || self.held < HANDLER_SUBSCRIPTIONS
    }
}

impl Domain for Ipc {
    type Config = ();
    type Load = Owner;
    type Scope = ();
    type Instance = Instance;

    const INTERFACES: &'static [Interface] = INTERFACES;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        linker.add(wit::add_to_linker::<_, Views<Self>>)
    }
}
