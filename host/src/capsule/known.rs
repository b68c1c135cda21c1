//! What is known of a component, by its hash: what the binary is, and its code. It is the same whichever capsule the
//! component is of, so those that are loaded share it: memory, processor caches and file descriptors hold it once.
//!
//! Only who has checked that bytes have this hash may use what is known of it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use wasmtime::component::Component;

use crate::engine::CompileCache;
use crate::exports::{Binary, EntryPoint};
use crate::package::ComponentHash;

/// A component, by its hash.
pub(crate) struct Known {
    pub(super) hash: ComponentHash,
    pub(super) binary: Binary,
    pub(super) component: Component,
}

/// What is known of components: of those that are loaded, and of those in the compiled cache.
pub(crate) struct Components {
    engine: wasmtime::Engine,
    cache: CompileCache,
    loaded: Mutex<HashMap<ComponentHash, Weak<Known>>>,
}

impl Known {
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
}

impl Components {
    /// None is loaded yet; what was compiled for this engine is in the cache.
    pub(crate) fn new(engine: &wasmtime::Engine, cache: CompileCache) -> Self {
        Self {
            engine: engine.clone(),
            cache,
            loaded: Mutex::default(),
        }
    }

    /// Looks a component up: among what is loaded, then in the compiled cache. Blocks.
    pub(crate) fn find(&self, hash: &ComponentHash) -> Option<Arc<Known>> {
        let loaded = self.loaded.lock().get(hash).and_then(Weak::upgrade);
        loaded.or_else(|| {
            let (facts, component) = self.cache.get(&self.engine, hash.as_str())?;
            let binary = serde_json::from_slice(&facts).ok()?;
            Some(Arc::new(Known {
                hash: hash.clone(),
                binary,
                component,
            }))
        })
    }

    /// Keeps it in the compiled cache.
    ///
    /// # Errors
    /// What the file system said; it is known all the same.
    pub(super) fn keep(&self, known: &Known) -> wasmtime::Result<()> {
        let facts = serde_json::to_vec(&known.binary).unwrap_or_default();
        self.cache
            .put(known.hash.as_str(), &facts, &known.component)
    }

    /// Lets others share it for as long as somebody holds the result: this one, or what was shared before it.
    pub(super) fn share(&self, known: Arc<Known>) -> Arc<Known> {
        let mut all = self.loaded.lock();
        if let Some(shared) = all.get(&known.hash).and_then(Weak::upgrade) {
            return shared;
        }
        all.retain(|_, other| other.strong_count() > 0);
        all.insert(known.hash.clone(), Arc::downgrade(&known));
        known
    }

    /// Forgets what is shared of a component: who loads it next finds what the cache has.
    pub(super) fn forget(&self, hash: &ComponentHash) {
        self.loaded.lock().remove(hash);
    }
}
