//! What is installed: looked at, changed, and loaded anew.

use std::time::Duration;

use super::calls::DRAIN;
use super::{Hold, Operator, warn};
use crate::capsule::{Capsule, LoadError};
use crate::capsule::{Ceilings, LoopState, OpenCircuit, Readiness};
use crate::config::{HostConfig, OperatorLimits};
use crate::control::message::Ask;
use crate::control::problem::Problem;
use crate::control::remark::{Heard, MissingHome, Place, Remark, Remarks};
use crate::control::requests::{
    CallLimits, Examine, Examined, Inspect, Inspected, InspectedManifest, Install, InstalledNow,
    Life, List, Listed, ListedRecord, REFUSED, RefusedFor, Reload, Reloaded, Remove, State,
    Verified, Verify,
};
use crate::exports;
use crate::home::Home;
use crate::host::{BuildError, Host};
use crate::names::CapsuleName;
use crate::package::Package;
use crate::package::consent::Terms;
use crate::package::{self, ComponentHash, PackageError};
use crate::principal::Principals;
use crate::text::cut;

/// Most bytes of a text in a list.
const LISTED: usize = 2 * 1024;

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
        let package = self.in_bulk(move |home| Package::installed(home, &of));
        let of_package = |error| Problem::of_package(&self.home, error);
        package.await?.map_err(of_package)
    }
}

impl Ask for List {
    type Reply = Vec<Listed>;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

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

fn listed(home: &Home, name: CapsuleName) -> Listed {
    let (record, error) = match package::verify(home, &name) {
        Ok((meta, package)) => {
            let record = ListedRecord {
                version: meta.version,
                hash: package.hash().clone(),
                owner: meta.owner,
                source: meta.source.map(shown),
                installed_at: meta.installed_at,
                updated_at: meta.updated_at,
            };
            (Some(record), None)
        }
        // One that is damaged must not hide the others.
        Err(error) => {
            let problem = Problem::from(error);
            let message = shown(problem.message);
            (None, Some(Problem::new(problem.kind, message)))
        }
    };
    Listed {
        name,
        record,
        error,
        life: None,
    }
}

/// A text as it is listed: one of many.
fn shown(text: String) -> String {
    cut(text, LISTED)
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
                    .map(|(_, reason)| shown(reason.clone())),
                restarts: 0,
                queued: 0,
                refused: Vec::new(),
                refused_count: 0,
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
    let open = capsule.open_circuits();
    Life {
        state,
        reason: reason.map(shown),
        restarts: capsule.restarts(),
        queued: capsule.queued(),
        refused_count: open.len(),
        refused: open.into_iter().take(REFUSED).map(refused).collect(),
    }
}

fn refused(open: OpenCircuit) -> RefusedFor {
    RefusedFor {
        principal: open.principal,
        reason: open.reason,
        retry_in_ms: u64::try_from(open.retry_in.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Why the run loop of a capsule that was just loaded isn't ready, if it isn't.
fn not_ready(capsule: &Capsule) -> Option<String> {
    match capsule.readiness() {
        Readiness::Ready => None,
        Readiness::Timeout => Some("its run loop has not said in time that it is ready".to_owned()),
        Readiness::Crashed { reason } => Some(format!("its run loop is not ready: {reason}")),
    }
}

impl Inspected {
    /// What a component without a manifest is.
    ///
    /// # Errors
    /// [`crate::exports::BinaryError`], as a problem.
    pub fn component(component: &[u8]) -> Result<Self, Problem> {
        Ok(Self {
            binary: exports::analyse(component)?,
            hash: ComponentHash::of(component),
            manifest: None,
        })
    }

    /// What a package is, and what it may use in a home.
    ///
    /// # Errors
    /// [`crate::exports::BinaryError`], [`PackageError`], [`ConfigError`](crate::config::ConfigError), as a problem.
    pub fn package(home: &Home, package: &Package) -> Result<Self, Problem> {
        let config = HostConfig::read(home).map_err(BuildError::from)?;
        Self::within(home, package, &config.limits)
    }

    /// The same where these are the operator's limits.
    fn within(home: &Home, package: &Package, limits: &OperatorLimits) -> Result<Self, Problem> {
        let manifest = package.manifest();
        let binary = exports::analyse(package.component())?;
        let terms = Terms::of(manifest, Some(&binary), &package.files()?);
        Ok(Self {
            hash: package.hash().clone(),
            manifest: Some(InspectedManifest {
                name: manifest.name().clone(),
                version: manifest.package.version.to_string(),
                capabilities: manifest.capabilities.held(),
                source: None,
                terms,
                limits: call_limits(home, package, limits),
            }),
            binary: binary.with_overrides(package::overrides(&manifest.runtime)),
        })
    }
}

/// What a call may use for a package's owner; one that is not there, or is disabled, lowers nothing.
fn call_limits(home: &Home, package: &Package, limits: &OperatorLimits) -> CallLimits {
    let owner = Principals::new(home.clone()).resolve(package.owner());
    let profile = owner.map(|owner| owner.profile.limits.clone());
    let runtime = &package.manifest().runtime;
    let ceilings = Ceilings::new(runtime, limits, &profile.unwrap_or_default());
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    CallLimits {
        principal: package.owner().clone(),
        memory: ceilings.memory as u64,
        cpu_ms: millis(ceilings.cpu),
        wall_ms: millis(ceilings.wall),
    }
}

impl Ask for Inspect {
    type Reply = Inspected;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<Inspected, Problem> {
        let package = by.installed(&self.capsule).await?;
        warn(package.warnings(), remarks).await;
        // A running host has read its configuration, which may be another one by now.
        let running = by.run().map(|running| running.host.limits().clone());
        by.in_bulk(move |home| {
            let mut inspected = match running {
                Some(limits) => Inspected::within(home, &package, &limits)?,
                None => Inspected::package(home, &package)?,
            };
            if let Some(manifest) = &mut inspected.manifest {
                let record = package::record(home, &self.capsule)?;
                manifest.source = record.and_then(|record| record.source);
            }
            Ok(inspected)
        })
        .await?
    }
}

impl Examined {
    /// Takes a package apart.
    ///
    /// # Errors
    /// [`crate::exports::BinaryError`], as a problem.
    pub fn of(package: &Package) -> Result<Self, Problem> {
        Ok(Self {
            manifest: package.manifest_text().to_owned(),
            deprecated: package.warnings().to_vec(),
            binary: exports::analyse(package.component())?,
        })
    }
}

impl Ask for Examine {
    type Reply = Examined;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<Examined, Problem> {
        let package = by.installed(&self.capsule).await?;
        by.in_bulk(move |_| Examined::of(&package)).await?
    }
}

impl Ask for Verify {
    type Reply = Vec<Verified>;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<Vec<Verified>, Problem> {
        let named = self.capsule;
        let verified = by.in_bulk(move |home| {
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
                        covered: meta.files.is_some(),
                    }),
                    Err(error @ PackageError::NotInstalled { .. }) => Err(error),
                    Err(error) => Ok(Verified {
                        name,
                        whole: Err(error.into()),
                        covered: false,
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
        if self.consent.is_of(&package)? {
            return Ok(package);
        }
        let what = self.from.display().to_string();
        Err(PackageError::Changed { what }.into())
    }
}

impl Ask for Install {
    type Reply = InstalledNow;
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn place(&self) -> Place {
        Place::Call
    }

    fn heard(&self) -> Option<Heard> {
        Some(Heard {
            principal: self.consent.owner.clone(),
            capsule: Some(self.consent.package.name.clone()),
        })
    }

    async fn carry_out(
        self,
        by: &Operator,
        remarks: &impl Remarks,
    ) -> Result<InstalledNow, Problem> {
        by.known(&self.consent.owner)?;
        let lock = by.lock()?;
        let (this, package) = by
            .in_bulk(move |_| {
                let package = self.package();
                (self, package)
            })
            .await?;
        let host = by.any_host().await?;
        let agreed = &this.consent;
        let installed = host.install_shown(lock, package?, agreed, this.as_compared);
        let installed = installed.await?;
        if by.run().is_some() {
            let warning = match by.loaded(host, &agreed.package.name).await {
                Ok(capsule) => not_ready(&capsule).map(|why| format!("it is installed, and {why}")),
                Err(problem) => Some(format!(
                    "it is installed, and could not be loaded: {problem}"
                )),
            };
            if let Some(warning) = warning {
                remarks.remark(Remark::Warning(warning)).await;
            }
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

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    fn place(&self) -> Place {
        Place::Call
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        let lock = by.lock()?.clone();
        let name = self.capsule;
        let removed = match by.run() {
            Some(running) => running.host.remove(&lock, &name, DRAIN).await,
            None => by
                .in_bulk(move |home| package::remove(home, &lock, &name))
                .await?
                .map_err(LoadError::from),
        };
        removed.map_err(|error| by.explained(error))
    }
}

impl Reloaded {
    fn new(name: CapsuleName, loaded: Result<Capsule, Problem>) -> Self {
        Self {
            name,
            not_ready: loaded.as_ref().ok().and_then(not_ready),
            version: loaded.map(|capsule| capsule.manifest().package.version.to_string()),
        }
    }
}

impl Ask for Reload {
    type Reply = Vec<Reloaded>;
    const HOLD: Hold = Hold::Not;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    fn place(&self) -> Place {
        Place::Call
    }

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<Vec<Reloaded>, Problem> {
        let host = &by.must_run()?.host;
        if let Some(name) = self.capsule {
            let loaded = by.loaded(host, &name).await?;
            return Ok(vec![Reloaded::new(name, Ok(loaded))]);
        }
        let mut reloaded = Vec::new();
        for name in by.on_disk(package::installed).await?? {
            let loaded = by.loaded(host, &name).await;
            reloaded.push(Reloaded::new(name, loaded));
        }
        Ok(reloaded)
    }
}
