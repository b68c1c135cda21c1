//! Replacing what is loaded or installed: install, reload, unload, remove. What is queued for a capsule while it is
//! replaced is answered by its replacement.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Host;
use crate::capsule::{Capsule, Environment, LoadError, LoadedCapsule};
use crate::dispatch::Pause;
use crate::home::ExclusiveLock;
use crate::manifest::CapsuleManifest;
use crate::names::{CapsuleName, PrincipalId};
use crate::package::consent::Consent;
use crate::package::{self, Meta, Package};
use crate::policy::speech::{CAPSULE_LOADED, CAPSULE_RELOADED, CAPSULE_UNLOADED};

/// What came of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What was recorded.
    pub meta: Meta,
    /// The version before, if there was one.
    pub previous: Option<String>,
}

impl Host {
    /// Loads what is installed under a name now, in the place of the load that there is, if there is one. Calls under
    /// way have `limit` to be done, and a second more to end themselves. Events and calls that are queued meanwhile are
    /// answered by the new load, and handles of the old one call the new one. The new run loop starts when the old one
    /// has ended; messages that the old one had not received by then are lost to it, and it subscribes anew. Answers as
    /// [`Self::load`] does, when the new loop is ready or the time for that is over.
    ///
    /// It begins when this is called, and goes on when the future is dropped. So it can be asked for from within a call
    /// of the capsule itself, which must not wait for it.
    ///
    /// # Errors
    /// [`LoadError`]; then the old load goes on. Where there was none, what the manifest binds is bound all the same, and
    /// fails.
    pub fn reload(
        &self,
        name: &CapsuleName,
        limit: Duration,
    ) -> impl Future<Output = Result<Capsule, LoadError>> + Send + use<> {
        let (host, name) = (self.clone(), name.clone());
        let task = async move { host.replace(&name, limit).await };
        let task = self.inner.runtime.spawn(task);
        async move {
            task.await
                .map_err(|error| LoadError::Interrupted(error.to_string()))?
        }
    }

    async fn replace(&self, name: &CapsuleName, limit: Duration) -> Result<Capsule, LoadError> {
        let turn = self.inner.changes.lock(name).await;
        let capsule = match self.replace_now(name, limit).await {
            Ok(capsule) => capsule,
            Err(failed) => return Err(self.guarded(name, failed).await),
        };
        drop(turn);
        Ok(self.made_ready(capsule).await)
    }

    async fn replace_now(&self, name: &CapsuleName, limit: Duration) -> Result<Capsule, LoadError> {
        let before = self.capsule(name);
        let loaded = self.prepared(name).await?;
        let pause = self.paused(name, limit).await;
        let swapped = self.swap(before.as_ref(), &loaded);
        // Calls that are being ended still have their turns: what is queued behind them stays there.
        drop(pause);
        swapped?;
        Ok(Capsule { loaded })
    }

    /// Lets no further call of a capsule begin, and waits until those under way are done, or `limit` is over.
    async fn paused(&self, name: &CapsuleName, limit: Duration) -> Pause {
        let dispatcher = &self.inner.events.dispatcher;
        let pause = dispatcher.pause(name);
        if let Err(running) = dispatcher.drained(&pause, limit).await {
            tracing::warn!(capsule = %name, %running, "they are ended");
        }
        pause
    }

    /// Puts a load in the place of the one before, and ends that.
    fn swap(&self, before: Option<&Capsule>, loaded: &Arc<LoadedCapsule>) -> Result<(), LoadError> {
        let name = &loaded.info.name;
        let mut all = self.inner.loaded.lock();
        self.refuse_at_end(&all, loaded)?;
        let session = |capsule: &Capsule| capsule.session();
        if all.capsules.get(name).map(session) != before.map(session) {
            let reason = format!("capsule {name} was unloaded meanwhile");
            return Err(LoadError::Interrupted(reason));
        }
        self.registry().replace(&loaded.info)?;
        let before = self.bind(&mut all, loaded);
        if let Some(before) = &before {
            before.loaded.close();
        }
        let topic = before.map_or(CAPSULE_LOADED, |_| CAPSULE_RELOADED);
        self.tell_of(topic, loaded);
        self.tell_unset(loaded);
        Ok(())
    }

    /// Unloads a capsule at once: what its guests are blocked in ends, they have a second to end themselves, and
    /// waiting calls are refused. Queued events count as not having been answered.
    pub fn unload(&self, capsule: &Capsule) {
        let name = capsule.name();
        let mut all = self.inner.loaded.lock();
        if all.has(capsule) {
            self.inner.events.dispatcher.unbind(name);
            self.registry().unregister(capsule.session());
            all.capsules.shift_remove(name);
            self.tell_of(CAPSULE_UNLOADED, &capsule.loaded);
        }
        drop(all);
        capsule.loaded.close();
    }

    /// Unloads a capsule when its calls under way are done, or `limit` is over. As with [`Self::reload`], it begins when
    /// this is called, goes on when the future is dropped, and may be asked for from within a call of the capsule.
    pub fn retire(
        &self,
        capsule: &Capsule,
        limit: Duration,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (host, capsule) = (self.clone(), capsule.clone());
        let task = self.inner.runtime.spawn(async move {
            let _turn = host.inner.changes.lock(capsule.name()).await;
            host.retire_now(&capsule, limit).await;
        });
        async move {
            // It only fails when the runtime ends.
            let _ = task.await;
        }
    }

    async fn retire_now(&self, capsule: &Capsule, limit: Duration) {
        let current = self.inner.loaded.lock().has(capsule);
        if current {
            let pause = self.paused(capsule.name(), limit).await;
            self.unload(capsule);
            drop(pause);
        }
    }

    /// Removes an installed capsule; if it is loaded, it is unloaded as by [`Self::retire`]. It goes on when the future
    /// is dropped.
    ///
    /// # Errors
    /// [`LoadError::Package`]; then it is still installed, and loaded if it was.
    pub fn remove(
        &self,
        alone: &ExclusiveLock,
        name: &CapsuleName,
        limit: Duration,
    ) -> impl Future<Output = Result<(), LoadError>> + Send + use<> {
        let (host, alone, name) = (self.clone(), alone.clone(), name.clone());
        let task = async move { host.remove_now(alone, &name, limit).await };
        let task = self.inner.runtime.spawn(task);
        async move {
            task.await
                .map_err(|error| LoadError::Interrupted(error.to_string()))?
        }
    }

    async fn remove_now(
        &self,
        alone: ExclusiveLock,
        name: &CapsuleName,
        limit: Duration,
    ) -> Result<(), LoadError> {
        let _turn = self.inner.changes.lock(name).await;
        let (home, of) = (self.home().clone(), name.clone());
        self.in_bulk(move || package::remove(&home, &alone, &of))
            .await??;
        if let Some(capsule) = self.capsule(name) {
            self.retire_now(&capsule, limit).await;
        }
        let _loaded = self.inner.loaded.lock();
        if self.inner.failed.lock().remove(name).is_some() {
            self.inner.events.dispatcher.unbind(name);
        }
        Ok(())
    }

    /// Installs a package for `owner`, who must exist: checks that it can be loaded, runs its install or upgrade
    /// hook, and puts it in the place of the version before. Until that is done, no other installation, removal or
    /// load of the capsule begins; a hook that waits for one waits for itself.
    ///
    /// # Errors
    /// [`LoadError`]; then the version before is still the installed one.
    pub async fn install(
        &self,
        alone: &ExclusiveLock,
        package: Package,
        source: &str,
        owner: &PrincipalId,
    ) -> Result<Installed, LoadError> {
        self.install_if(alone, package, (source, owner), None).await
    }

    /// Installs a package as it was agreed to, from the source and for the owner of the consent: only if the package,
    /// and what is installed under its name, still are what the consent was made of.
    ///
    /// # Errors
    /// [`Changed`](package::PackageError::Changed) in [`LoadError::Package`] if they are not; as [`Self::install`].
    pub async fn install_agreed(
        &self,
        alone: &ExclusiveLock,
        package: Package,
        agreed: &Consent,
    ) -> Result<Installed, LoadError> {
        self.install_shown(alone, package, agreed, true).await
    }

    /// The same; whether what is installed under the name may differ from what the consent was compared with, is said by
    /// `as_compared`.
    pub(crate) async fn install_shown(
        &self,
        alone: &ExclusiveLock,
        package: Package,
        agreed: &Consent,
        as_compared: bool,
    ) -> Result<Installed, LoadError> {
        let from = (agreed.source.as_str(), &agreed.owner);
        let agreed = Some((agreed, as_compared));
        self.install_if(alone, package, from, agreed).await
    }

    async fn install_if(
        &self,
        alone: &ExclusiveLock,
        package: Package,
        (source, owner): (&str, &PrincipalId),
        agreed: Option<(&Consent, bool)>,
    ) -> Result<Installed, LoadError> {
        let turn = self.inner.changes.lock(package.manifest().name()).await;
        let environment = Arc::clone(&self.inner.environment);
        let (held, from, of, agreed, staging) = (
            alone.clone(),
            source.to_owned(),
            owner.clone(),
            agreed.map(|(agreed, as_compared)| (agreed.clone(), as_compared)),
            package.clone(),
        );
        let manifest = package.manifest().clone();
        let staged = self
            .in_bulk(move || {
                environment.principals.resolve(&of)?;
                let home = &environment.home;
                if let Some((agreed, true)) = &agreed {
                    agreed.still_holds(home, &staging)?;
                }
                let staged = package::stage(home, &held, &staging, &from, &of)?;
                // A folder's files may have changed since they were compared.
                if let Some((agreed, _)) = &agreed {
                    agreed.covers(&staging, staged.files())?;
                }
                Ok::<_, LoadError>(staged)
            })
            .await??;
        let previous = staged.previous().map(|meta| meta.version.clone());
        let environment = Arc::clone(&self.inner.environment);
        let current = self.current();
        let loaded = self
            .in_bulk(move || LoadedCapsule::prepare(&environment, current, package, None))
            .await??;
        let hook = if previous.is_some() {
            "upgrade"
        } else {
            "install"
        };
        let ran = loaded.run_lifecycle(owner, previous.clone()).await;
        loaded.close();
        ran.map_err(|error| LoadError::Lifecycle {
            capsule: loaded.info.name.clone(),
            hook,
            source: Box::new(error),
        })?;
        // The turn ends with the commit, also if nobody waits for it any more.
        let environment = Arc::clone(&self.inner.environment);
        let commit = move || {
            let meta = staged.commit()?;
            move_secrets(&environment, &manifest);
            drop(turn);
            Ok::<_, LoadError>(meta)
        };
        let meta = self.in_bulk(commit).await??;
        Ok(Installed { meta, previous })
    }
}

/// Takes out of the overlays what the version that was just installed declares as secrets. What stays there is read as a
/// secret all the same.
fn move_secrets(environment: &Environment, manifest: &CapsuleManifest) {
    match environment.env.move_secrets(manifest) {
        Ok(moved) if moved.is_empty() => {}
        Ok(_) => environment.principals.forget(None),
        Err(error) => {
            let capsule = manifest.name();
            tracing::warn!(%capsule, %error, "a value that is a secret now stays among those that are none");
        }
    }
}
