//! Loads installed capsules anew.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::capsule::Capsule;
use crate::control::operator::{Hold, Operator, not_ready};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Place, Remarks};
use crate::names::CapsuleName;
use crate::package;

/// Has a running host load a capsule anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Which one; none is all that are installed.
    pub capsule: Option<CapsuleName>,
}

/// A capsule that was loaded anew, or wasn't.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Its name.
    pub name: CapsuleName,
    /// Its version, or why it isn't loaded.
    pub version: Result<String, Problem>,
    /// Why its run loop isn't ready, if it isn't: it may not hear what is published now.
    pub not_ready: Option<String>,
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
