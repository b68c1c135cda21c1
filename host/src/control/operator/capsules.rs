//! What is installed: looked at, changed, and loaded anew.

use super::calls::DRAIN;
use super::{Hold, Operator, warn};
use crate::capsule::LoopState;
use crate::control::message::{Ask, Heard, Remark, Remarks};
use crate::control::problem::Problem;
use crate::control::requests::{
    Check, Checked, Inspect, Inspected, InspectedManifest, Install, InstalledNow, Life, List,
    Listed, Reload, Reloaded, Remove, State, Verified, Verify,
};
use crate::exports;
use crate::kind::ErrorKind;
use crate::manifest::{CapsuleManifest, CapsuleName};
use crate::package::{self, ComponentHash, PackageError};
use crate::{Capsule, Host, LoadError, Package};

impl Operator {
    /// Loads an installed capsule anew, also one that isn't loaded.
    pub(super) async fn loaded(&self, host: &Host, name: &CapsuleName) -> Result<Capsule, Problem> {
        let loaded = host.reload(name, DRAIN).await;
        loaded.map_err(|error| self.explained(error))
    }

    /// With the name that may have been meant.
    fn explained(&self, error: LoadError) -> Problem {
        match error {
            LoadError::Package(error) => Problem::of_package(&self.home, error),
            other => other.into(),
        }
    }

    async fn installed(&self, name: &CapsuleName) -> Result<Package, Problem> {
        let of = name.clone();
        let package = self.on_disk(move |home| Package::installed(home, &of));
        let of_package = |error| Problem::of_package(&self.home, error);
        package.await?.map_err(of_package)
    }
}

impl Ask for List {
    type Reply = Vec<Listed>;

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<Vec<Listed>, Problem> {
        let mut listed = by
            .on_disk(|home| {
                let names = package::installed(home)?;
                Ok::<_, PackageError>(names.into_iter().map(|name| listed(home, name)).collect())
            })
            .await??;
        if let Some(running) = by.run() {
            lives(&running.host, &mut listed);
        }
        Ok(listed)
    }
}

fn listed(home: &crate::Home, name: CapsuleName) -> Listed {
    let (meta, error) = match package::verify(home, &name) {
        Ok((mut meta, package)) => {
            meta.wasm_hash = Some(package.hash().clone());
            (Some(meta), None)
        }
        // One that is damaged must not hide the others.
        Err(error) => (None, Some(error.into())),
    };
    Listed {
        name,
        meta,
        error,
        life: None,
    }
}

fn lives(host: &Host, listed: &mut Vec<Listed>) {
    let failed = host.failed();
    for one in listed {
        one.life = Some(match host.capsule(&one.name) {
            Some(capsule) => life(&capsule),
            None => Life {
                state: State::NotLoaded,
                reason: failed
                    .iter()
                    .find(|(name, _)| *name == one.name)
                    .map(|(_, reason)| reason.clone()),
                restarts: 0,
                queued: 0,
            },
        });
    }
}

fn life(capsule: &Capsule) -> Life {
    let (state, reason) = match capsule.run_loop() {
        None | Some(LoopState::Absent) => (State::Loaded, None),
        Some(LoopState::Starting | LoopState::Running) if capsule.is_ready() => {
            (State::Ready, None)
        }
        Some(LoopState::Starting | LoopState::Running) => (State::Running, None),
        Some(LoopState::Paused { reason }) => (State::Paused, Some(reason)),
        Some(LoopState::Restarting { reason, .. }) => (State::Restarting, Some(reason)),
        Some(LoopState::Failed { reason }) => (State::Failed, Some(reason)),
        Some(LoopState::Ended) => (State::Ended, None),
    };
    Life {
        state,
        reason,
        restarts: capsule.restarts(),
        queued: capsule.queued(),
    }
}

impl Inspected {
    /// What a component is, with its manifest if there is one.
    ///
    /// # Errors
    /// [`crate::exports::BinaryError`], as a problem.
    pub fn of(manifest: Option<&CapsuleManifest>, component: &[u8]) -> Result<Self, Problem> {
        let run = manifest.and_then(|manifest| manifest.runtime.run);
        Ok(Self {
            binary: exports::analyse(component)?.with_run(run),
            hash: ComponentHash::of(component),
            manifest: manifest.map(|manifest| InspectedManifest {
                name: manifest.name().clone(),
                version: manifest.package.version.to_string(),
                capabilities: manifest
                    .capabilities
                    .held()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
            }),
        })
    }
}

impl Ask for Inspect {
    type Reply = Inspected;

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<Inspected, Problem> {
        let package = by.installed(&self.capsule).await?;
        warn(package.warnings(), remarks).await;
        by.on_disk(move |_| Inspected::of(Some(package.manifest()), package.component()))
            .await?
    }
}

impl Checked {
    /// Compares the parts of a package.
    ///
    /// # Errors
    /// [`crate::exports::BinaryError`], as a problem.
    pub fn of(package: &Package) -> Result<Self, Problem> {
        let manifest = package.manifest();
        let binary = exports::analyse(package.component())?;
        Ok(Self {
            name: manifest.name().clone(),
            version: manifest.package.version.to_string(),
            deprecated: package.warnings().to_vec(),
            findings: package::check(manifest, &binary),
        })
    }
}

impl Ask for Check {
    type Reply = Checked;

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<Checked, Problem> {
        let package = by.installed(&self.capsule).await?;
        by.on_disk(move |_| Checked::of(&package)).await?
    }
}

impl Ask for Verify {
    type Reply = Vec<Verified>;

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<Vec<Verified>, Problem> {
        let named = self.capsule;
        let verified = by.on_disk(move |home| {
            let names = match named {
                Some(name) => vec![name],
                None => package::installed(home)?,
            };
            let each = names
                .into_iter()
                .map(|name| match package::verify(home, &name) {
                    Ok((meta, package)) => Ok(Verified {
                        name,
                        whole: Ok((meta.version, package.hash().clone())),
                    }),
                    Err(error @ PackageError::NotInstalled { .. }) => Err(error),
                    Err(error) => Ok(Verified {
                        name,
                        whole: Err(error.into()),
                    }),
                });
            each.collect::<Result<_, _>>()
        });
        let of_package = |error| Problem::of_package(&by.home, error);
        verified.await?.map_err(of_package)
    }
}

impl Install {
    /// Reads the package, if it is still what somebody agreed to.
    fn package(&self) -> Result<Package, Problem> {
        let package = if self.from.is_dir() {
            Package::from_folder(&self.from)?
        } else {
            Package::from_archive(&self.from)?
        };
        let same = *package.manifest().name() == self.capsule
            && *package.hash() == self.component
            && package.manifest_hash() == self.manifest;
        if same {
            return Ok(package);
        }
        let from = self.from.display();
        Err(Problem::new(
            ErrorKind::Integrity,
            format!("{from} has changed since you were asked whether to install it"),
        )
        .hint("install it again, and look at what it asks for now"))
    }
}

impl Ask for Install {
    type Reply = InstalledNow;
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn heard(&self) -> Option<Heard> {
        Some(Heard {
            principal: self.owner.clone(),
            capsule: Some(self.capsule.clone()),
        })
    }

    async fn carry_out(
        self,
        by: &Operator,
        remarks: &impl Remarks,
    ) -> Result<InstalledNow, Problem> {
        by.known(&self.owner)?;
        let lock = by.lock()?;
        let (this, package) = by
            .on_disk(move |_| {
                let package = self.package();
                (self, package)
            })
            .await?;
        let host = by.any_host().await?;
        let installed = host
            .install(lock, package?, &this.source, &this.owner)
            .await?;
        if by.run().is_some()
            && let Err(problem) = by.loaded(host, &this.capsule).await
        {
            let warning = format!("it is installed, and could not be loaded: {problem}");
            remarks.remark(Remark::Warning(warning)).await;
        }
        Ok(InstalledNow {
            meta: installed.meta,
            previous: installed.previous,
        })
    }
}

impl Ask for Remove {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        let lock = by.lock()?.clone();
        let name = self.capsule;
        let removed = match by.run() {
            Some(running) => running.host.remove(&lock, &name, DRAIN).await,
            None => by
                .on_disk(move |home| package::remove(home, &lock, &name))
                .await?
                .map_err(LoadError::from),
        };
        removed.map_err(|error| by.explained(error))
    }
}

impl Ask for Reload {
    type Reply = Vec<Reloaded>;
    const HOLD: Hold = Hold::Not;
    const CHANGES: bool = true;

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<Vec<Reloaded>, Problem> {
        let host = &by.must_run()?.host;
        let version = |capsule: Capsule| capsule.manifest().package.version.to_string();
        if let Some(name) = self.capsule {
            let version = version(by.loaded(host, &name).await?);
            return Ok(vec![Reloaded {
                name,
                version: Ok(version),
            }]);
        }
        let mut reloaded = Vec::new();
        for name in by.on_disk(package::installed).await?? {
            let version = by.loaded(host, &name).await.map(version);
            reloaded.push(Reloaded { name, version });
        }
        Ok(reloaded)
    }
}
