//! `astrid:ipc`: publishing events, and subscribing to them.
//!
//! Who may publish and subscribe to what is in the manifest's `[publish]` and `[subscribe]`: what isn't there is
//! denied. Where a published event goes is behind [`Outlet`], so this room knows neither handlers nor their chains.
//!
//! What is published is charged to the capsule and the call's principal in the step that takes it: 10 MiB a second, a
//! message as its payload and 256 bytes. So an event that is denied, or refused for want of room, costs nothing, and
//! `backpressure` comes before `rate-limited` where both would do.

mod acl;
mod host;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{HasData, Linker, ResourceTable};

use crate::bus::{Draft, Subscription};
use crate::call::{CallContext, Waiting};
use crate::principal::{PrincipalId, PrincipalScope};
use crate::registry::CapsuleInfo;
use crate::storage::LogLevel;

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

pub use bindings::astrid::ipc::host as wit;

/// Subscriptions that a capsule may have at once, and its run loop alone (abi.md, "ipc").
pub const SUBSCRIPTIONS: usize = 128;

/// Subscriptions of these that an instance for handlers may hold (abi.md, "ipc"). There is one for each principal and
/// more where calls are nested: without this, one of them could take all.
pub const HANDLER_SUBSCRIPTIONS: usize = 16;

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
    /// Takes an event that `capsule` publishes in `call`, for its subscriptions and its handlers, or for neither.
    ///
    /// # Errors
    /// [`Refused`]; it never waits.
    fn publish(
        &self,
        capsule: &CapsuleInfo,
        call: &CallContext,
        draft: Draft,
    ) -> Result<(), Refused>;

    /// Subscribes for `capsule`, to what is published for `only`, or for anybody.
    ///
    /// # Errors
    /// [`wit::ErrorCode::Quota`] if the capsule has as many as it may; [`wit::ErrorCode::Closed`] if it was unloaded.
    fn subscribe(
        &self,
        capsule: &CapsuleInfo,
        pattern: &crate::policy::topic::TopicPattern,
        only: Option<&PrincipalId>,
    ) -> Result<Subscription, wit::ErrorCode>;
}

/// The least time between two lines that tell of messages which were not delivered.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// A run loop's principals: it acts for its own, or for that of the message that it received last.
pub struct Listener {
    own: Arc<PrincipalScope>,
    scopes: Arc<dyn Scopes>,
    /// Messages that were not delivered, since this was last told.
    undelivered: u64,
    told: Option<Instant>,
}

impl Listener {
    /// That of a loop whose own principal has this scope; `scopes` finds those of others.
    pub fn new(own: Arc<PrincipalScope>, scopes: Arc<dyn Scopes>) -> Self {
        Self {
            own,
            scopes,
            undelivered: 0,
            told: None,
        }
    }

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

/// A principal's scope with a capsule, or why there is none.
pub type Scope<'a> = Pin<Box<dyn Future<Output = Result<Arc<PrincipalScope>, String>> + Send + 'a>>;

/// Resolves principals for a capsule.
pub trait Scopes: Send + Sync + 'static {
    /// The principal's scope. There is none if there is no such principal, it is disabled, or its profile or its
    /// configuration of the capsule cannot be read.
    fn scope<'a>(&'a self, principal: &'a PrincipalId) -> Scope<'a>;
}

/// What lives with one instance.
pub struct IpcCtx {
    outlet: Arc<dyn Outlet>,
    capsule: Arc<CapsuleInfo>,
    /// A run loop hears everybody, and takes on the principal of what it hears; a handler hears only whom it is called
    /// for.
    listener: Option<Listener>,
    /// How many subscriptions the instance holds.
    held: usize,
}

impl IpcCtx {
    /// The context of a new instance of `capsule`; with a `listener`, it is its run loop.
    pub fn new(
        outlet: Arc<dyn Outlet>,
        capsule: Arc<CapsuleInfo>,
        listener: Option<Listener>,
    ) -> Self {
        Self {
            outlet,
            capsule,
            listener,
            held: 0,
        }
    }

    /// Whether the instance may hold one more subscription, if its capsule may have one.
    fn may_hold_more(&self) -> bool {
        self.listener.is_some() || self.held < HANDLER_SUBSCRIPTIONS
    }
}

/// The context, lent for one call.
pub struct IpcView<'a> {
    pub(super) ctx: &'a mut IpcCtx,
    pub(super) table: &'a mut ResourceTable,
    pub(super) call: &'a mut CallContext,
    pub(super) waiting: &'a mut Waiting,
}

impl<'a> IpcView<'a> {
    /// Lends the context for this call.
    pub fn new(
        ctx: &'a mut IpcCtx,
        table: &'a mut ResourceTable,
        call: &'a mut CallContext,
        waiting: &'a mut Waiting,
    ) -> Self {
        Self {
            ctx,
            table,
            call,
            waiting,
        }
    }
}

/// A store that can lend the view.
pub trait IpcStore: Send + 'static {
    /// Lends it.
    fn ipc(&mut self) -> IpcView<'_>;
}

/// The key of this domain in a linker.
struct Ipc;

impl HasData for Ipc {
    type Data<'a> = IpcView<'a>;
}

/// Adds the package's functions.
///
/// # Errors
/// wasmtime's, when they are there already.
pub fn add_to_linker<T: IpcStore>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, Ipc>(linker, T::ipc)
}
