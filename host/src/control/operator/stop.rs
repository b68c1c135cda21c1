//! The end of a running host.

use super::{Hold, Operator};
use crate::control::message::Ask;
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Place, Remarks};
use crate::control::requests::{Stop, Stopping};

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
