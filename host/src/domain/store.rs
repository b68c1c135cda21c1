//! What the store of an instance holds: the call under way, the limiter, the handles of the guest, and the domains' own
//! parts of the instance. Nothing else, however many domains there are.

use std::sync::Arc;

use wasmtime::component::ResourceTable;

use super::list::{Loads, Made};
use super::{CallContext, LastWords};
use crate::engine::MemoryLimiter;
pub use crate::limits::domain::HANDLES;

/// The state of one instance's store.
pub struct StoreState {
    pub(super) call: CallContext,
    pub(crate) limiter: MemoryLimiter,
    pub(super) handles: ResourceTable,
    pub(super) instances: Instances,
}

/// What each domain keeps for this instance, and for the load of its capsule.
pub(super) struct Instances {
    pub(super) loads: Arc<Loads>,
    pub(super) made: Made,
}

impl StoreState {
    /// The state of a new instance of the capsule of these loads.
    pub(crate) fn new(call: CallContext, limiter: MemoryLimiter, loads: Arc<Loads>) -> Self {
        Self {
            call,
            limiter,
            handles: handles(),
            instances: Instances {
                loads,
                made: Made::default(),
            },
        }
    }

    /// The call that the instance is serving: on whose behalf, until when, how deep.
    pub fn call(&self) -> &CallContext {
        &self.call
    }

    /// The same, to be readied for the next call.
    pub(crate) fn call_mut(&mut self) -> &mut CallContext {
        &mut self.call
    }

    /// How the guest said in this call that it ends, if it did.
    pub(crate) fn take_last_words(&mut self) -> Option<LastWords> {
        self.call.last_words.take()
    }
}

/// A table of handles within [`HANDLES`].
pub(super) fn handles() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES);
    table
}
