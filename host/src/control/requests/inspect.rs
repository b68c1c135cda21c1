//! Tells what a capsule is, what it asks for and what it may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::capsule::Ceilings;
use crate::config::{HostConfig, OperatorLimits};
use crate::control::operator::{Operator, warn};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Remarks};
use crate::exports::Binary;
use crate::home::Home;
use crate::host::BuildError;
use crate::names::{CapsuleName, PrincipalId};
use crate::package::consent::Terms;
use crate::package::{ComponentHash, Package};
use crate::principal::Principals;
use crate::{exports, package};

/// Tells what an installed capsule is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspect {
    /// Which one.
    pub capsule: CapsuleName,
}

/// What a component is, and what its manifest says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspected {
    /// What its manifest says, if it has one.
    pub manifest: Option<InspectedManifest>,
    /// The component's hash.
    pub hash: ComponentHash,
    /// What it imports and really exports.
    pub binary: Binary,
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectedManifest {
    /// The name.
    pub name: CapsuleName,
    /// The version.
    pub version: String,
    /// The capabilities that it asks for.
    pub capabilities: Vec<String>,
    /// Where it was installed from; none where it is not installed.
    pub source: Option<String>,
    /// All that it asks for.
    pub terms: Terms,
    /// What a call may use.
    pub limits: CallLimits,
}

/// The most that a call of a capsule may use for a principal: the least of what the manifest asks for (or the
/// default), and what the operator and the principal's profile allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLimits {
    /// For whom.
    pub principal: PrincipalId,
    /// Linear memory of an instance, in bytes.
    pub memory: u64,
    /// CPU time, in milliseconds.
    pub cpu_ms: u64,
    /// Wall time, in milliseconds.
    pub wall_ms: u64,
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
