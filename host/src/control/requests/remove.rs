//! Removes an installed capsule.

use serde::{Deserialize, Serialize};

use super::Ask;
use super::storage::purge;
use crate::capsule::LoadError;
use crate::control::operator::{DRAIN, Hold, Operator};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Place, Remarks};
use crate::names::CapsuleName;
use crate::package;

/// Removes an installed capsule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remove {
    /// Which one.
    pub capsule: CapsuleName,
    /// Whether what it keeps for principals goes with it.
    pub purge: bool,
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
        let name = self.capsule.clone();
        let removed = match by.run() {
            Some(running) => running.host.remove(&lock, &name, DRAIN).await,
            None => by
                .in_bulk({
                    let name = name.clone();
                    move |home| package::remove(home, &lock, &name)
                })
                .await?
                .map_err(LoadError::from),
        };
        removed.map_err(|error| by.explained(error))?;
        if self.purge {
            purge(by, |scope| scope.capsule == name).await?;
            let env = by.env()?;
            by.on_disk(move |_| env.purge(&name)).await??;
        }
        Ok(())
    }
}
