//! Loading: what is installed, or handed over, becomes what can be called.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{Host, Loaded};
use crate::capsule::{
    Capsule, CapsuleHandler, Known, LoadError, LoadedCapsule, Readiness, Surroundings, load_order,
};
use crate::exports::EntryPoint;
use crate::manifest::{CapsuleManifest, CapsuleName};
use crate::package::{self, Package};
use crate::policy::speech::{CAPSULE_LOADED, CAPSULES_LOADED};
use crate::principal::PrincipalId;
use crate::registry::Registry;

impl Host {
    /// Loads a package: it can be called until it is [unloaded](Self::unload).
    ///
    /// # Errors
    /// [`LoadError`]; then no code of it ran and nothing is registered.
    pub async fn load(&self, package: Package) -> Result<Capsule, LoadError> {
        let _turn = self.inner.changes.lock(package.manifest().name()).await;
        let environment = Arc::clone(&self.inner.environment);
        let prepare = move || LoadedCapsule::prepare(&environment, package, None);
        self.register(self.blocking(prepare).await??)
    }

    /// Does what waits for files.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let done = self.inner.environment.blocking.run(job).await;
        done.map_err(|error| LoadError::Interrupted(error.to_string()))
    }

    fn register(&self, loaded: Arc<LoadedCapsule>) -> Result<Capsule, LoadError> {
        let mut all = self.inner.loaded.lock();
        self.refuse_at_end(&all, &loaded)?;
        self.registry().register(&loaded.info)?;
        self.bind(&mut all, &loaded);
        self.tell_of(CAPSULE_LOADED, &loaded);
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
        &self.inner.environment.sys.registry
    }

    /// Tells capsules what became of one.
    pub(super) fn tell_of(&self, topic: &'static str, loaded: &LoadedCapsule) {
        let version = loaded.info.manifest.package.version.to_string();
        let payload = json!({
            "capsule_id": loaded.info.name, "version": version, "session": loaded.info.session.to_string(),
        });
        self.tell(topic, &loaded.owner, &payload);
    }

    fn tell(&self, topic: &'static str, principal: &PrincipalId, payload: &serde_json::Value) {
        if self.inner.resident {
            self.inner.events.tell(topic, principal, payload);
        }
    }

    /// Loads an installed capsule. If it can't be loaded, what its manifest binds is bound all the same, and fails.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load_installed(&self, name: &CapsuleName) -> Result<Capsule, LoadError> {
        let _turn = self.inner.changes.lock(name).await;
        let prepared = self.prepared(name).await;
        let failed = match prepared.and_then(|loaded| self.register(loaded)) {
            Ok(capsule) => return Ok(capsule),
            Err(failed) => failed,
        };
        let (home, of) = (self.home().clone(), name.clone());
        let manifest = self.blocking(move || package::manifest_of(&home, &of));
        if let Ok(manifest) = manifest.await? {
            self.bind_failed(&manifest, &failed);
        }
        Err(failed)
    }

    /// What is installed under a name, ready to be called.
    pub(super) async fn prepared(
        &self,
        name: &CapsuleName,
    ) -> Result<Arc<LoadedCapsule>, LoadError> {
        let environment = Arc::clone(&self.inner.environment);
        if environment.blocking.inline {
            let package = Package::installed(&environment.home, name)?;
            return LoadedCapsule::prepare(&environment, package, None);
        }
        // Its code is found while its bytes are checked; without them it isn't used.
        let of = name.clone();
        let known = tokio::task::spawn_blocking(move || {
            Known::find(
                &environment,
                &Package::recorded_hash(&environment.home, &of).ok()?,
            )
        });
        let (environment, of) = (Arc::clone(&self.inner.environment), name.clone());
        let runtime = self.inner.runtime.clone();
        self.blocking(move || {
            let package = Package::installed(&environment.home, &of);
            // Waited for in any case: it may not outlive this call. It was queued before this job and waits for
            // nothing, so waiting here can't use up the pool.
            let known = runtime.block_on(known).ok().flatten();
            LoadedCapsule::prepare(&environment, package?, known)
        })
        .await?
    }

    /// A guard that is broken is a guard all the same: what its manifest binds is bound, and fails.
    fn bind_failed(&self, manifest: &CapsuleManifest, failed: &LoadError) {
        let name = manifest.name();
        let loaded = self.inner.loaded.lock();
        if !loaded.capsules.contains_key(name) {
            let handlers: Vec<_> = manifest.handlers().collect();
            let reason = failed.to_string();
            let mut all = self.inner.failed.lock();
            all.insert(name.clone(), reason.clone());
            let dispatcher = &self.inner.events.dispatcher;
            dispatcher.bind(name, &handlers, 1, Err(reason));
        }
    }

    /// Loads every installed capsule that isn't loaded yet, each after those that export what it imports, and after
    /// their run loops are ready or `patience` is over. What can't be loaded keeps the bindings of its manifest.
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
        let mut installed = self.blocking(read).await??;
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
            let loaded = self.load_installed(name).await;
            if let Ok(capsule) = &loaded
                && !capsule.manifest().exports.is_empty()
                && let Readiness::Crashed { reason } = capsule.wait_ready(patience).await
            {
                tracing::warn!(capsule = %name, reason, "its run loop isn't ready for those that import from it");
            }
            done.push((name.clone(), loaded));
        }
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
