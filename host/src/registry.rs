//! What is loaded: by id and by session uuid.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bus::{CAPSULE_BYTES, Owner};
use crate::domain::ipc::SUBSCRIPTIONS;
use crate::manifest::{CapsuleManifest, CapsuleName};

/// What is known of a capsule for as long as it is loaded.
pub struct CapsuleInfo {
    /// Its id.
    pub name: CapsuleName,
    /// What its author and its manifest say.
    pub manifest: CapsuleManifest,
    /// Fresh for each load; what it publishes carries it.
    pub session: Uuid,
    /// The capabilities it holds, sorted.
    pub capabilities: Vec<&'static str>,
    ready: watch::Sender<bool>,
    unloaded: CancellationToken,
    subscriptions: Owner,
}

impl CapsuleInfo {
    /// What is known of the capsule with this manifest, under a fresh session uuid.
    pub fn new(manifest: CapsuleManifest) -> Self {
        Self {
            name: manifest.name().clone(),
            subscriptions: Owner::new(manifest.name().as_str(), SUBSCRIPTIONS)
                .holding(CAPSULE_BYTES),
            capabilities: manifest.capabilities.held(),
            manifest,
            session: Uuid::new_v4(),
            ready: watch::Sender::new(false),
            unloaded: CancellationToken::new(),
        }
    }

    /// The capsule says that it is ready.
    pub fn signal_ready(&self) {
        self.ready.send_replace(true);
    }

    /// What said that it is ready has failed.
    pub(crate) fn not_ready(&self) {
        self.ready.send_replace(false);
    }

    /// Tells when it does.
    pub fn readiness(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Whether it has said so.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Whose its subscriptions are.
    pub fn subscriptions(&self) -> &Owner {
        &self.subscriptions
    }

    /// The capsule is unloaded: what its guests are blocked in ends, and they hear nothing any more.
    pub fn end(&self) {
        self.unloaded.cancel();
        self.subscriptions.close();
    }

    /// Cancelled when the capsule is unloaded, which ends what its guests are blocked in.
    pub fn unloaded(&self) -> &CancellationToken {
        &self.unloaded
    }
}

/// An id that is loaded already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a capsule {0} is loaded already")]
pub struct AlreadyLoaded(pub CapsuleName);

#[derive(Default)]
struct Tables {
    by_id: HashMap<CapsuleName, Arc<CapsuleInfo>>,
    by_session: HashMap<Uuid, Arc<CapsuleInfo>>,
}

/// The loaded capsules of a host.
#[derive(Default)]
pub struct Registry {
    tables: RwLock<Tables>,
}

impl Registry {
    /// Registers a capsule under its id and session.
    ///
    /// # Errors
    /// [`AlreadyLoaded`]; then nothing was registered.
    pub fn register(&self, capsule: &Arc<CapsuleInfo>) -> Result<(), AlreadyLoaded> {
        let mut tables = self.tables.write();
        if tables.by_id.contains_key(&capsule.name) {
            return Err(AlreadyLoaded(capsule.name.clone()));
        }
        tables
            .by_id
            .insert(capsule.name.clone(), Arc::clone(capsule));
        tables
            .by_session
            .insert(capsule.session, Arc::clone(capsule));
        Ok(())
    }

    /// Forgets this load of a capsule; another load of the same id stays.
    pub fn unregister(&self, session: Uuid) {
        let mut tables = self.tables.write();
        if let Some(capsule) = tables.by_session.remove(&session) {
            tables.by_id.remove(&capsule.name);
            capsule.end();
        }
    }

    /// The capsule of this id.
    pub fn by_id(&self, name: &str) -> Option<Arc<CapsuleInfo>> {
        self.tables.read().by_id.get(name).cloned()
    }

    /// The capsule of this session.
    pub fn by_session(&self, session: Uuid) -> Option<Arc<CapsuleInfo>> {
        self.tables.read().by_session.get(&session).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capsule(name: &str) -> Arc<CapsuleInfo> {
        let text = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
        let parsed = CapsuleManifest::parse(&text, "Capsule.toml").expect("a manifest");
        Arc::new(CapsuleInfo::new(parsed.manifest))
    }

    #[test]
    fn an_id_twice_is_an_error_that_leaves_nothing_behind() {
        let registry = Registry::default();
        let (first, second) = (capsule("a"), capsule("a"));
        registry.register(&first).expect("free");
        assert_eq!(
            registry.register(&second),
            Err(AlreadyLoaded(first.name.clone()))
        );
        assert!(registry.by_session(second.session).is_none());
        registry.unregister(second.session);
        assert!(registry.by_id("a").is_some());
        registry.unregister(first.session);
        assert!(registry.by_id("a").is_none() && registry.by_session(first.session).is_none());
        assert!(first.unloaded().is_cancelled());
    }
}
