//! Loading: what is installed, or handed over, becomes what can be called.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{Host, Loaded};
use crate::capsule::{
    Capsule, CapsuleHandler, Current, LoadError, LoadedCapsule, Readiness, Surroundings, load_order,
};
use crate::exports::EntryPoint;
use crate::manifest::{CapsuleManifest, CapsuleName};
use crate::names::PrincipalId;
use crate::package::{self, Package, PackageError};
use crate::policy::speech::{CAPSULE_LOADED, CAPSULES_LOADED, ONBOARDING_REQUIRED};
use crate::registry::Registry;

impl Host {
    /// Loads a package: it can be called until it is [unloaded](Self::unload). Answers when its run loop has said that
    /// it is ready, and so hears what is published from then on, or when the time for that is over
    /// ([`HostBuilder::ready_within`](super::HostBuilder::ready_within)): which of the two is in
    /// [`Capsule::readiness`].
    ///
    /// # Errors
    /// [`LoadError`]; then no code of it ran and nothing is registered.
    pub async fn load(&self, package: Package) -> Result<Capsule, LoadError> {
        let turn = self.inner.changes.lock(package.manifest().name()).await;
        let environment = Arc::clone(&self.inner.environment);
        let current = self.current();
        let prepare = move || LoadedCapsule::prepare(&environment, current, package, None);
        let capsule = self.register(self.in_bulk(prepare).await??)?;
        drop(turn);
        Ok(self.made_ready(capsule).await)
    }

    /// Where loads find the one that took their place.
    pub(super) fn current(&self) -> Arc<dyn Current> {
        Arc::clone(&self.inner.events) as Arc<dyn Current>
    }

    /// Gives the run loop of a load the time to say that it is ready. Whoever changes the capsule meanwhile need not wait
    /// for that.
    pub(super) async fn made_ready(&self, capsule: Capsule) -> Capsule {
        let _ = capsule.wait_ready(self.inner.ready_within).await;
        capsule
    }

    /// Does bulk work, such as compiling.
    pub(crate) async fn in_bulk<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let done = self.inner.environment.blocking.bulk(job).await;
        done.map_err(|error| LoadError::Interrupted(error.to_string()))
    }

    /// Does a short job that waits for files.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let done = self.inner.environment.blocking.for_host(job).await;
        done.map_err(|error| LoadError::Interrupted(error.to_string()))
    }

    fn register(&self, loaded: Arc<LoadedCapsule>) -> Result<Capsule, LoadError> {
        let mut all = self.inner.loaded.lock();
        self.refuse_at_end(&all, &loaded)?;
        self.registry().register(&loaded.info)?;
        self.bind(&mut all, &loaded);
        self.tell_of(CAPSULE_LOADED, &loaded);
        self.tell_unset(&loaded);
        Ok(Capsule { loaded })
    }

    pub(super) fn refuse_at_end(
        &self,
        all: &Loaded,
        loaded: &LoadedCapsule,
    ) -> Result<(), LoadError> {
        if all.ended {
            let capsule = loaded.info.name.clone();
            return Err(LoadError::ShuttingDown { capsule });
        }
        Ok(())
    }

    /// Makes a registered load the one that answers, and starts its run loop; gives the one that did.
    pub(super) fn bind(&self, all: &mut Loaded, loaded: &Arc<LoadedCapsule>) -> Option<Capsule> {
        let name = &loaded.info.name;
        let handlers: Vec<_> = loaded.info.manifest.handlers().collect();
        let handler = CapsuleHandler::new(loaded);
        let dispatcher = &self.inner.events.dispatcher;
        dispatcher.bind(name, &handlers, loaded.permits(), Ok(handler));
        self.inner.failed.lock().remove(name);
        if self.inner.resident && loaded.binary.is_real(EntryPoint::Run) {
            loaded.start_run_loop();
        }
        let loaded = Arc::clone(loaded);
        all.capsules.insert(name.clone(), Capsule { loaded })
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.inner.environment.registry
    }

    /// Tells capsules what became of one.
    pub(super) fn tell_of(&self, topic: &'static str, loaded: &LoadedCapsule) {
        let version = loaded.info.manifest.package.version.to_string();
        let payload = json!({
            "capsule_id": loaded.info.name, "version": version, "session": loaded.info.session.to_string(),
        });
        self.tell(topic, &loaded.owner, &payload);
    }

    /// Tells that a new load wants to be given what is not set.
    pub(super) fn tell_unset(&self, loaded: &LoadedCapsule) {
        if !loaded.unset.is_empty() {
            let payload = json!({
                "type": "onboarding_required", "capsule_id": loaded.info.name, "fields": loaded.unset,
            });
            self.tell(ONBOARDING_REQUIRED, &loaded.owner, &payload);
        }
    }

    fn tell(&self, topic: &'static str, principal: &PrincipalId, payload: &serde_json::Value) {
        if self.inner.resident {
            self.inner.events.tell(topic, principal, payload);
        }
    }

    /// Loads an installed capsule, and answers as [`Self::load`] does. If it can't be loaded, what its manifest binds is
    /// bound all the same, and fails.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load_installed(&self, name: &CapsuleName) -> Result<Capsule, LoadError> {
        let capsule = self.load_at_once(name).await?;
        Ok(self.made_ready(capsule).await)
    }

    /// The same, and its run loop may not be ready yet.
    async fn load_at_once(&self, name: &CapsuleName) -> Result<Capsule, LoadError> {
        let _turn = self.inner.changes.lock(name).await;
        let prepared = self.prepared(name).await;
        match prepared.and_then(|loaded| self.register(loaded)) {
            Ok(capsule) => Ok(capsule),
            Err(failed) => Err(self.guarded(name, failed).await),
        }
    }

    /// Sees to it that what an installed capsule guards is not open because it can't be loaded. For whoever changes the
    /// capsule.
    pub(super) async fn guarded(&self, name: &CapsuleName, failed: LoadError) -> LoadError {
        let (home, of) = (self.home().clone(), name.clone());
        let manifest = self.on_disk(move || package::manifest_of(&home, &of));
        match manifest.await {
            Ok(Ok(manifest)) => self.bind_failed(&manifest, &failed),
            Ok(Err(PackageError::NotInstalled { .. })) => {}
            Ok(Err(error)) => {
                tracing::warn!(capsule = %name, %error, "what it guards is open: its manifest can't be read");
            }
            // The runtime ends.
            Err(_) => {}
        }
        failed
    }

    /// What is installed under a name, ready to be called.
    pub(super) async fn prepared(
        &self,
        name: &CapsuleName,
    ) -> Result<Arc<LoadedCapsule>, LoadError> {
        let environment = Arc::clone(&self.inner.environment);
        let current = self.current();
        if environment.blocking.inline {
            let package = Package::installed(&environment.home, name)?;
            return LoadedCapsule::prepare(&environment, current, package, None);
        }
        let of = name.clone();
        self.in_bulk(move || {
            // Its code is found while its bytes are checked; without them it isn't used.
            let known = || {
                let hash = Package::recorded_hash(&environment.home, &of).ok()?;
                environment.components.find(&hash)
            };
            let (known, package) =
                rayon::join(known, || Package::installed(&environment.home, &of));
            LoadedCapsule::prepare(&environment, current, package?, known)
        })
        .await?
    }

    /// A guard that is broken is a guard all the same: what its manifest binds is bound, and fails. A load that there is
    /// goes on instead.
    fn bind_failed(&self, manifest: &CapsuleManifest, failed: &LoadError) {
        let name = manifest.name();
        let loaded = self.inner.loaded.lock();
        if !loaded.ended && !loaded.capsules.contains_key(name) {
            let handlers: Vec<_> = manifest.handlers().collect();
            let reason = failed.to_string();
            let mut all = self.inner.failed.lock();
            all.insert(name.clone(), reason.clone());
            let dispatcher = &self.inner.events.dispatcher;
            dispatcher.bind(name, &handlers, 1, Err(reason));
        }
    }

    /// Loads every installed capsule that isn't loaded yet, each after those that export what it imports, and after
    /// their run loops are ready or `patience` is over. Answers when all run loops are, or `patience` is over for them
    /// together. What can't be loaded keeps the bindings of its manifest.
    ///
    /// # Errors
    /// When the installed ones can't be listed. What became of each is in the result.
    pub async fn load_all_installed(
        &self,
        patience: Duration,
    ) -> Result<Vec<(CapsuleName, Result<Capsule, LoadError>)>, LoadError> {
        let home = self.home().clone();
        let read = move || {
            let names = package::installed(&home)?;
            let manifests = names.into_iter().map(|name| {
                let manifest = package::manifest_of(&home, &name);
                (name, manifest.ok())
            });
            Ok::<_, LoadError>(manifests.collect::<Vec<_>>())
        };
        let mut installed = self.on_disk(read).await??;
        installed.retain(|(name, _)| self.capsule(name).is_none());
        let manifests = installed
            .iter()
            .filter_map(|(_, manifest)| manifest.as_ref());
        let order = load_order(manifests.clone());
        for (name, wanted) in &order.missing {
            tracing::warn!(capsule = %name, wanted, "nothing that is installed exports what it imports");
        }
        let mut done = Vec::new();
        for manifest in manifests.filter(|manifest| order.circular.contains(manifest.name())) {
            let failed = LoadError::Circular {
                capsule: manifest.name().clone(),
                others: order.circular.clone(),
            };
            self.bind_failed(manifest, &failed);
            done.push((manifest.name().clone(), Err(failed)));
        }
        let unreadable = installed.iter().filter(|(_, manifest)| manifest.is_none());
        let unreadable = unreadable.map(|(name, _)| name);
        for name in unreadable.chain(&order.names) {
            let loaded = self.load_at_once(name).await;
            if let Ok(capsule) = &loaded
                && !capsule.manifest().exports.is_empty()
                && let Readiness::Crashed { reason } = capsule.wait_ready(patience).await
            {
                tracing::warn!(capsule = %name, reason, "its run loop isn't ready for those that import from it");
            }
            done.push((name.clone(), loaded));
        }
        let all_ready = async {
            for (_, loaded) in &done {
                if let Ok(capsule) = loaded {
                    capsule.wait_ready(Duration::MAX).await;
                }
            }
        };
        // Who isn't ready then says so when asked.
        let _ = tokio::time::timeout(patience, all_ready).await;
        self.tell_all(&done);
        Ok(done)
    }

    fn tell_all(&self, done: &[(CapsuleName, Result<Capsule, LoadError>)]) {
        let loaded = done.iter().filter(|(_, loaded)| loaded.is_ok());
        let loaded: Vec<_> = loaded.map(|(name, _)| name).collect();
        let failed = done.iter().filter_map(|(name, loaded)| {
            let reason = loaded.as_ref().err()?.to_string();
            Some(json!({ "capsule_id": name, "reason": reason }))
        });
        let payload = json!({ "loaded": loaded, "failed": failed.collect::<Vec<_>>() });
        self.tell(CAPSULES_LOADED, &PrincipalId::default_principal(), &payload);
    }
}
