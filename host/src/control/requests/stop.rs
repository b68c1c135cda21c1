//! Ends a running host.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::{Hold, Operator};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Place, Remarks};

/// Ends a running host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {}

/// A host that is about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// Its process.
    pub pid: u32,
    /// How long what is in flight may take, in milliseconds.
    pub drain_ms: u64,
}

impl Ask for Stop {
    type Reply = Stopping;
    const HOLD: Hold = Hold::Not;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    fn place(&self) -> Place {
        Place::Stop
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<Stopping, Problem> {
        let running = by.must_run()?;
        running.stop.cancel();
        Ok(Stopping {
            pid: std::process::id(),
            drain_ms: u64::try_from(running.drain.as_millis()).unwrap_or(u64::MAX),
        })
    }
}
