//! A loaded capsule: how it is prepared, and how a call gets through its lane to an instance.

mod absent;
mod by_name;
mod ceilings;
mod circuit;
mod environment;
mod error;
mod guest;
mod handler;
mod health;
mod instance;
mod invoke;
mod known;
mod load;
mod loop_state;
mod order;
mod reports;
mod request;
mod run_loop;
mod served;
mod slots;
mod template;
mod tenant;
mod tenants;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use by_name::NameLocks;
pub use ceilings::{Ceilings, Source};
pub use circuit::OpenCircuit;
pub(crate) use environment::{Environment, Surroundings};
pub use error::{CallError, LoadError};
pub use handler::CapsuleHandler;
pub(crate) use known::Components;
pub(crate) use load::{Current, LoadedCapsule};
pub use loop_state::{LoopState, Readiness};
pub use order::{LoadOrder, load_order};
pub(crate) use slots::{RESERVED, Slots};

pub use crate::policy::imports::ImportError;

use crate::exports::{Binary, EntryPoint};
use crate::manifest::{CapsuleManifest, CapsuleName, Diagnostic};
use crate::names::PrincipalId;
use crate::package::ComponentHash;

/// A capsule that a host has loaded. Cloning it is cheap; it works until the host unloads it.
#[derive(Clone)]
pub struct Capsule {
    pub(crate) loaded: Arc<LoadedCapsule>,
}

impl Capsule {
    /// Its id.
    pub fn name(&self) -> &CapsuleName {
        &self.loaded.info.name
    }

    /// Its manifest.
    pub fn manifest(&self) -> &CapsuleManifest {
        &self.loaded.info.manifest
    }

    /// What its manifest says in a way that is deprecated.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.loaded.warnings
    }

    /// The hash of its component.
    pub fn hash(&self) -> &ComponentHash {
        &self.loaded.hash
    }

    /// What its binary imports and really exports.
    pub fn binary(&self) -> &Binary {
        &self.loaded.binary
    }

    /// Names this load of it; what it publishes carries it.
    pub fn session(&self) -> uuid::Uuid {
        self.loaded.info.session
    }

    /// Why calls of it on behalf of a principal are refused at present: [`CallError::CircuitOpen`], because it kept
    /// failing.
    pub fn failed_for(&self, principal: &PrincipalId) -> Option<CallError> {
        self.loaded.failed_for(principal)
    }

    /// For whom calls of it are refused at present because they kept failing, by the principals' names.
    pub fn open_circuits(&self) -> Vec<OpenCircuit> {
        self.loaded.open_circuits()
    }

    /// Whether it has a handler of this name, as its binary says, or its manifest where the binary doesn't.
    pub fn handles(&self, action: &str) -> bool {
        match &self.binary().handlers {
            Some(handlers) => handlers.iter().any(|handler| handler.action == action),
            None => self
                .manifest()
                .handlers()
                .any(|handler| handler.action == action),
        }
    }

    /// Whether its binary has a run loop.
    pub fn has_run_loop(&self) -> bool {
        self.loaded.binary.is_real(EntryPoint::Run)
    }

    /// What its run loop is doing; none if it has none, or it wasn't started.
    pub fn run_loop(&self) -> Option<LoopState> {
        self.loaded.run_loop.state()
    }

    /// How often its run loop was started again since the capsule was loaded.
    pub fn restarts(&self) -> u32 {
        self.loaded.run_loop.restarts()
    }

    /// Messages that its run loop did not get since the capsule was loaded, because their principal isn't there, is
    /// disabled, or has a profile or a configuration that cannot be read.
    pub fn undelivered(&self) -> u64 {
        self.loaded.info.undelivered()
    }

    /// Calls of host functions that were denied to it since it was loaded. Each is in its log, with what would open it.
    pub fn denied(&self) -> u64 {
        self.loaded.info.denied()
    }

    /// How many calls and events wait for it, those of all principals together.
    pub fn queued(&self) -> usize {
        self.loaded.queued()
    }

    /// Waits until its run loop has said that it is ready, at most for `limit`. Without a run loop there is nothing to
    /// wait for.
    pub async fn wait_ready(&self, limit: Duration) -> Readiness {
        self.loaded.run_loop.ready(&self.loaded.info, limit).await
    }

    /// What is known of its run loop's being ready now: [`Readiness::Timeout`] if it has neither said so nor failed.
    pub fn readiness(&self) -> Readiness {
        self.loaded.run_loop.readiness(&self.loaded.info)
    }

    /// Whether its run loop has said that it is ready.
    pub fn is_ready(&self) -> bool {
        self.loaded.info.is_ready()
    }
}

impl std::fmt::Debug for Capsule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capsule")
            .field("name", self.name())
            .field("hash", self.hash())
            .finish_non_exhaustive()
    }
}
