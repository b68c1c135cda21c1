//! What is loaded: by id, by session uuid and by uplink.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::manifest::{CapsuleManifest, CapsuleName, Uplink};

/// What is known of a capsule for as long as it is loaded.
pub struct CapsuleInfo {
    /// Its id.
    pub name: CapsuleName,
    /// What its author and its manifest say.
    pub manifest: CapsuleManifest,
    /// Fresh for each load; what it publishes carries it.
    pub session: Uuid,
    ready: watch::Sender<bool>,
    /// Its run loop cannot say that it is ready: the component doesn't import the function.
    pub(crate) mute: bool,
    undelivered: AtomicU64,
    denied: AtomicU64,
    unloaded: CancellationToken,
}

impl std::fmt::Debug for CapsuleInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CapsuleInfo")
            .field("name", &self.name)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl CapsuleInfo {
    /// What is known of the capsule with this manifest, under a fresh session uuid. It is unloaded with its host, when
    /// `host` is cancelled, or before.
    pub fn new(manifest: CapsuleManifest, host: &CancellationToken) -> Self {
        Self {
            name: manifest.name().clone(),
            manifest,
            session: Uuid::new_v4(),
            ready: watch::Sender::new(false),
            mute: false,
            undelivered: AtomicU64::new(0),
            denied: AtomicU64::new(0),
            unloaded: host.child_token(),
        }
    }

    /// The capsule says that it is ready.
    pub fn signal_ready(&self) {
        self.ready.send_replace(true);
    }

    /// Its run loop waits for something: by that one that cannot say so is ready.
    pub(crate) fn loop_waits(&self) {
        if self.mute && !self.is_ready() {
            self.signal_ready();
        }
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

    /// Messages that its run loop did not get, because their principal could not be acted for.
    pub fn undelivered(&self) -> u64 {
        self.undelivered.load(Relaxed)
    }

    /// Calls of host functions that were denied.
    pub fn denied(&self) -> u64 {
        self.denied.load(Relaxed)
    }

    pub(crate) fn count_denied(&self) {
        self.denied.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_undelivered(&self, count: u64) {
        self.undelivered.fetch_add(count, Relaxed);
    }

    /// The capsule is unloaded: what its guests are blocked in ends.
    pub fn end(&self) {
        self.unloaded.cancel();
    }

    /// Cancelled when the capsule is unloaded, which ends what its guests are blocked in.
    pub fn unloaded(&self) -> &CancellationToken {
        &self.unloaded
    }
}

/// Why a capsule isn't registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Taken {
    /// A capsule of its id is loaded.
    #[error("a capsule {0} is loaded already")]
    Capsule(CapsuleName),
    /// An uplink of its manifest has the name of another capsule's.
    #[error("capsule {capsule} has an uplink {uplink}, and so has {holder}, which is loaded")]
    Uplink {
        /// The capsule that isn't registered.
        capsule: CapsuleName,
        /// The uplink's name and platform.
        uplink: String,
        /// The capsule whose it is.
        holder: CapsuleName,
    },
}

impl Taken {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Capsule(name) => format!("unload {name} first, or reload it"),
            Self::Uplink { holder, .. } => {
                format!("rename the uplink in its [[uplink]], or unload {holder} first")
            }
        }
    }
}

#[derive(Default)]
struct Tables {
    by_id: HashMap<CapsuleName, Arc<CapsuleInfo>>,
    by_session: HashMap<Uuid, Arc<CapsuleInfo>>,
    /// By name and platform.
    by_uplink: HashMap<(String, String), Arc<CapsuleInfo>>,
}

impl Tables {
    /// Refuses a capsule whose uplink another one has; another load of the same id isn't another one.
    fn other_uplink(&self, capsule: &CapsuleInfo) -> Result<(), Taken> {
        for uplink in &capsule.manifest.uplinks {
            match self.by_uplink.get(&key(uplink)) {
                Some(other) if other.name != capsule.name => {
                    return Err(Taken::Uplink {
                        capsule: capsule.name.clone(),
                        uplink: format!("{} on {}", uplink.name, uplink.platform),
                        holder: other.name.clone(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn insert(&mut self, capsule: &Arc<CapsuleInfo>) {
        self.by_id.insert(capsule.name.clone(), Arc::clone(capsule));
        self.by_session.insert(capsule.session, Arc::clone(capsule));
        for uplink in &capsule.manifest.uplinks {
            self.by_uplink.insert(key(uplink), Arc::clone(capsule));
        }
    }

    fn remove(&mut self, session: Uuid) -> Option<Arc<CapsuleInfo>> {
        let capsule = self.by_session.remove(&session)?;
        self.by_id.remove(&capsule.name);
        self.by_uplink.retain(|_, holder| holder.session != session);
        Some(capsule)
    }
}

/// The loaded capsules of a host.
#[derive(Default)]
pub struct Registry {
    tables: RwLock<Tables>,
}

impl Registry {
    /// Registers a capsule under its id, its session and its uplinks.
    ///
    /// # Errors
    /// [`Taken`]; then nothing was registered.
    pub fn register(&self, capsule: &Arc<CapsuleInfo>) -> Result<(), Taken> {
        let mut tables = self.tables.write();
        if tables.by_id.contains_key(&capsule.name) {
            return Err(Taken::Capsule(capsule.name.clone()));
        }
        tables.other_uplink(capsule)?;
        tables.insert(capsule);
        Ok(())
    }

    /// Registers a capsule in the place of the load that is registered under its id, in one step. That load goes on
    /// until it is [ended](CapsuleInfo::end).
    ///
    /// # Errors
    /// [`Taken::Uplink`]; then everything is as before.
    pub fn replace(&self, capsule: &Arc<CapsuleInfo>) -> Result<(), Taken> {
        let mut tables = self.tables.write();
        tables.other_uplink(capsule)?;
        if let Some(before) = tables.by_id.get(&capsule.name) {
            let session = before.session;
            tables.remove(session);
        }
        tables.insert(capsule);
        Ok(())
    }

    /// Forgets this load of a capsule, and ends it; another load of the same id stays.
    pub fn unregister(&self, session: Uuid) {
        let removed = self.tables.write().remove(session);
        if let Some(capsule) = removed {
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

    /// The capsule that has the uplink of this name to this platform.
    pub fn by_uplink(&self, name: &str, platform: &str) -> Option<Arc<CapsuleInfo>> {
        let key = (name.to_owned(), platform.to_owned());
        self.tables.read().by_uplink.get(&key).cloned()
    }
}

fn key(uplink: &Uplink) -> (String, String) {
    (uplink.name.clone(), uplink.platform.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capsule(name: &str, uplinks: &[&str]) -> Arc<CapsuleInfo> {
        let mut text = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
        for uplink in uplinks {
            text +=
                &format!("[[uplink]]\nname = \"{uplink}\"\nplatform = \"p\"\nprofile = \"chat\"\n");
        }
        let parsed = CapsuleManifest::parse(&text, "Capsule.toml").expect("a manifest");
        let host = CancellationToken::new();
        Arc::new(CapsuleInfo::new(parsed.manifest, &host))
    }

    /// What the registry knows of a capsule: by id, session and uplinks.
    fn known(registry: &Registry, capsule: &CapsuleInfo) -> [bool; 3] {
        let is = |found: Option<Arc<CapsuleInfo>>| {
            found.is_some_and(|found| found.session == capsule.session)
        };
        let mut uplinks = capsule.manifest.uplinks.iter();
        [
            is(registry.by_id(capsule.name.as_str())),
            is(registry.by_session(capsule.session)),
            uplinks.any(|uplink| is(registry.by_uplink(&uplink.name, "p"))),
        ]
    }

    #[test]
    fn an_id_twice_is_an_error_that_leaves_nothing_behind() {
        let registry = Registry::default();
        let (first, second) = (capsule("a", &["tty"]), capsule("a", &["web"]));
        registry.register(&first).expect("free");
        let taken = Taken::Capsule(first.name.clone());
        assert_eq!(registry.register(&second), Err(taken));
        assert_eq!(known(&registry, &second), [false; 3]);
        registry.unregister(second.session);
        assert_eq!(known(&registry, &first), [true; 3]);
        registry.unregister(first.session);
        assert_eq!(known(&registry, &first), [false; 3]);
        assert!(first.unloaded().is_cancelled());
    }

    #[test]
    fn an_uplink_twice_is_an_error_that_leaves_nothing_behind() {
        let registry = Registry::default();
        let (first, second) = (capsule("a", &["tty"]), capsule("b", &["web", "tty"]));
        registry.register(&first).expect("free");
        let taken = registry.register(&second).expect_err("taken");
        assert!(taken.to_string().contains("tty on p"), "{taken}");
        assert_eq!(known(&registry, &second), [false; 3]);
        registry.unregister(first.session);
        registry.register(&second).expect("free now");
        assert!(
            registry.by_uplink("tty", "p").is_some() && registry.by_uplink("web", "p").is_some()
        );
    }

    #[test]
    fn a_load_takes_the_place_of_another_with_all_it_had() {
        let registry = Registry::default();
        let (first, second) = (capsule("a", &["tty"]), capsule("a", &["web"]));
        registry.register(&first).expect("free");
        registry.replace(&second).expect("its own place");
        assert_eq!(known(&registry, &first), [false; 3]);
        assert_eq!(known(&registry, &second), [true; 3]);
        assert!(registry.by_uplink("tty", "p").is_none());
        assert!(
            !first.unloaded().is_cancelled(),
            "it may finish what it does"
        );
        // Too late: it isn't registered any more.
        registry.unregister(first.session);
        assert_eq!(known(&registry, &second), [true; 3]);

        let third = capsule("b", &["tty"]);
        registry.register(&third).expect("free");
        assert!(registry.replace(&capsule("a", &["tty"])).is_err());
        assert_eq!(known(&registry, &second), [true; 3]);
    }
}
