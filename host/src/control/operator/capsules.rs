//! The capsules that a request is about.

use std::time::Duration;

use super::{Operator, warn};
use crate::capsule::{Capsule, LoadError, Readiness};
use crate::control::problem::Problem;
use crate::control::remark::Remarks;
use crate::host::Host;
use crate::names::CapsuleName;
use crate::package::Package;

/// How long a capsule that has to be loaded for a call may take to end what an earlier load of it was doing.
pub(in crate::control) const DRAIN: Duration = Duration::from_secs(10);

impl Operator {
    /// Loads an installed capsule now unless it is loaded. Remarks what is deprecated in its manifest.
    pub(in crate::control) async fn capsule(
        &self,
        name: &CapsuleName,
        remarks: &impl Remarks,
    ) -> Result<Capsule, Problem> {
        let Some(running) = self.run() else {
            let package = self.installed(name).await?;
            warn(package.warnings(), remarks).await;
            return Ok(self.any_host().await?.load(package).await?);
        };
        let capsule = match running.host.capsule(name) {
            Some(capsule) => capsule,
            // It failed, and says so again unless it was mended meanwhile.
            None => self.loaded(&running.host, name).await?,
        };
        warn(capsule.warnings(), remarks).await;
        Ok(capsule)
    }

    /// Loads an installed capsule anew, also one that isn't loaded.
    pub(in crate::control) async fn loaded(
        &self,
        host: &Host,
        name: &CapsuleName,
    ) -> Result<Capsule, Problem> {
        let loaded = host.reload(name, DRAIN).await;
        loaded.map_err(|error| self.explained(error))
    }

    /// Reads an installed capsule.
    pub(in crate::control) async fn installed(
        &self,
        name: &CapsuleName,
    ) -> Result<Package, Problem> {
        let of = name.clone();
        let package = self.in_bulk(move |home| Package::installed(home, &of));
        let of_package = |error| Problem::of_package(&self.home, error);
        package.await?.map_err(of_package)
    }

    /// The problem, with the name of the installed capsule that may have been meant.
    pub(in crate::control) fn explained(&self, error: LoadError) -> Problem {
        match error {
            LoadError::Package(error) => Problem::of_package(&self.home, error),
            other => other.into(),
        }
    }
}

/// Why the run loop of a capsule that was just loaded isn't ready, if it isn't.
pub(in crate::control) fn not_ready(capsule: &Capsule) -> Option<String> {
    match capsule.readiness() {
        Readiness::Ready => None,
        Readiness::Timeout => Some("its run loop has not said in time that it is ready".to_owned()),
        Readiness::Crashed { reason } => Some(format!("its run loop is not ready: {reason}")),
    }
}
