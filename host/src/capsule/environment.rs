//! What every capsule needs of its host.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wasmtime::component::Linker;

use super::known::Components;
use super::{NameLocks, Slots};
use crate::blocking::Blocking;
use crate::config::HostConfig;
use crate::dispatch::Lane;
use crate::domain::{Domains, StoreState};
use crate::engine::{GuestEngine, MemoryBudget};
use crate::env::Env;
use crate::home::Home;
use crate::manifest::Capability;
use crate::names::{CapsuleName, PrincipalId};
use crate::policy::contract::Offer;
use crate::principal::Principals;
use crate::registry::Registry;
use crate::storage::LogSink;

/// Where a capsule's events go, and through which lanes its calls come. Behind a trait: that the dispatcher calls
/// capsules is none of their business.
pub(crate) trait Surroundings: Send + Sync + 'static {
    /// The lane of a (capsule, principal).
    fn lane(&self, capsule: &CapsuleName, principal: &PrincipalId) -> Arc<Lane>;

    /// How many calls and events wait for a capsule.
    fn queued(&self, capsule: &CapsuleName) -> usize;

    /// Publishes what the host itself has to say; for whom its handlers act is `principal`. Never waits: what finds no
    /// room is left out, with a warning.
    fn tell(&self, topic: &'static str, principal: &PrincipalId, payload: &serde_json::Value);
}

/// What a capsule needs of its host; one for all capsules.
pub(crate) struct Environment {
    pub(crate) home: Home,
    pub(crate) workspace: PathBuf,
    pub(crate) config: HostConfig,
    pub(crate) engine: GuestEngine,
    pub(crate) components: Components,
    pub(crate) linker: Linker<StoreState>,
    pub(crate) domains: Arc<Domains>,
    /// What its domains offer.
    pub(crate) offer: Offer,
    /// The capabilities that an embedder's domains declare.
    pub(crate) capabilities: Vec<&'static Capability>,
    pub(crate) slots: Arc<Slots>,
    /// Those of run loops, which keep theirs.
    pub(crate) loop_slots: Slots,
    /// One run loop of a capsule at a time.
    pub(crate) loops: NameLocks,
    /// Every instance that there is.
    pub(crate) guests: TaskTracker,
    /// The host takes no call any more.
    pub(crate) closing: AtomicBool,
    /// The host ends, and every capsule with it.
    pub(crate) ending: CancellationToken,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) principals: Principals,
    /// What is set for capsules.
    pub(crate) env: Arc<Env>,
    pub(crate) sinks: Arc<[Arc<dyn LogSink>]>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) events: Arc<dyn Surroundings>,
    pub(crate) blocking: Blocking,
    /// The host's own session: the source of direct calls.
    pub(crate) session: uuid::Uuid,
}
