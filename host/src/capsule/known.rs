//! What is known of a component, by its hash: what the binary is, and its code. It is the same whichever capsule the
//! component is of, so those that are loaded share it: memory, processor caches and file descriptors hold it once.
//!
//! Only who has checked that bytes have this hash may use what is known of it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use wasmtime::component::Component;

use super::load::Environment;
use crate::exports::{Binary, EntryPoint};
use crate::package::ComponentHash;

/// A component, by its hash.
pub(crate) struct Known {
    pub(super) hash: ComponentHash,
    pub(super) binary: Binary,
    pub(super) component: Component,
}

/// What loaded capsules are made of.
#[derive(Default)]
pub(crate) struct Components(Mutex<HashMap<ComponentHash, Weak<Known>>>);

impl Known {
    /// Looks it up: among what is loaded, then in the compiled cache. Blocks.
    pub(crate) fn find(environment: &Environment, hash: &ComponentHash) -> Option<Arc<Self>> {
        let loaded = environment.components.get(hash);
        loaded.or_else(|| {
            let (facts, component) = environment
                .cache
                .get(environment.engine.engine(), hash.as_str())?;
            let binary = serde_json::from_slice(&facts).ok()?;
            Some(Arc::new(Self {
                hash: hash.clone(),
                binary,
                component,
            }))
        })
    }

    /// The same, of which was found out that its `run` is no loop: it returned without having asked for anything.
    pub(super) fn without_loop(&self) -> Self {
        let mut binary = self.binary.clone();
        if let Some(judgement) = binary.entry_points.get_mut(&EntryPoint::Run) {
            judgement.real = false;
            judgement.why = "it returned without having asked the host for anything".into();
        }
        Self {
            hash: self.hash.clone(),
            binary,
            component: self.component.clone(),
        }
    }

    /// Keeps it in the compiled cache.
    ///
    /// # Errors
    /// What the file system said; it is known all the same.
    pub(super) fn keep(&self, environment: &Environment) -> wasmtime::Result<()> {
        let facts = serde_json::to_vec(&self.binary).unwrap_or_default();
        environment
            .cache
            .put(self.hash.as_str(), &facts, &self.component)
    }
}

impl Components {
    fn get(&self, hash: &ComponentHash) -> Option<Arc<Known>> {
        self.0.lock().get(hash)?.upgrade()
    }

    /// Lets others share it for as long as somebody holds the result: this one, or what was shared before it.
    pub(super) fn share(&self, known: Arc<Known>) -> Arc<Known> {
        let mut all = self.0.lock();
        if let Some(shared) = all.get(&known.hash).and_then(Weak::upgrade) {
            return shared;
        }
        all.retain(|_, other| other.strong_count() > 0);
        all.insert(known.hash.clone(), Arc::downgrade(&known));
        known
    }

    /// Forgets what is shared of a component: who loads it next finds what the cache has.
    pub(super) fn forget(&self, hash: &ComponentHash) {
        self.0.lock().remove(hash);
    }
}
