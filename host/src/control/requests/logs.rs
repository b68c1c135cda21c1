//! Shows what a capsule has logged for a principal.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Ask;
use crate::control::error::ControlError;
use crate::control::operator::{Hold, Operator};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Place, Remark, Remarks};
use crate::names::{CapsuleName, PrincipalId};
use crate::package::{self, PackageError};
use crate::storage::LogTail;

/// How often a followed log is looked at where no host tells that something was written.
const LOOK: Duration = Duration::from_millis(200);

/// Shows what a capsule has logged for a principal, as [`Remark::Log`](super::Remark::Log).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// Which one.
    pub capsule: CapsuleName,
    /// For whom it ran.
    pub principal: PrincipalId,
    /// Whether to go on with what comes, without an end.
    pub follow: bool,
}

impl Ask for Logs {
    type Reply = ();

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }
    /// Who follows a log may do so for days.
    const HOLD: Hold = Hold::Not;

    fn place(&self) -> Place {
        if self.follow {
            Place::Follow
        } else {
            Place::Short
        }
    }

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<(), Problem> {
        by.exists(&self.principal)?;
        let mut pulse = Pulse::of(by);
        if let Some(running) = by.run() {
            let host = running.host.clone();
            by.on_disk(move |_| host.flush_logs()).await?;
        }
        let mut tail = LogTail::new(&by.home, &self.principal, &self.capsule);
        let mut none = true;
        loop {
            let (read, rest) = by.on_disk(move |_| (tail.read(), tail)).await?;
            tail = rest;
            let records = read?;
            if !records.is_empty() {
                none = false;
                remarks.remark(Remark::Log(records)).await;
            } else if self.follow {
                pulse.beat().await?;
            } else {
                break;
            }
        }
        if none {
            let name = self.capsule;
            if !by.on_disk(package::installed).await??.contains(&name) {
                let error = PackageError::NotInstalled { name };
                return Err(Problem::of_package(&by.home, error));
            }
            let note = format!("{name} has logged nothing for {}", self.principal);
            remarks.remark(Remark::Note(note)).await;
        }
        Ok(())
    }
}

/// Tells when a log may have grown.
enum Pulse<'a> {
    /// Nobody says so.
    Looked,
    /// The host that writes it does, until it stops.
    Told(watch::Receiver<u64>, &'a CancellationToken),
}

impl<'a> Pulse<'a> {
    fn of(by: &'a Operator) -> Self {
        by.run().map_or(Self::Looked, |running| {
            Self::Told(running.host.logs_written(), &running.stop)
        })
    }

    /// Waits until it is worth looking again: something was written since the last time.
    async fn beat(&mut self) -> Result<(), ControlError> {
        let Self::Told(written, stop) = self else {
            tokio::time::sleep(LOOK).await;
            return Ok(());
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(ControlError::Stopping),
            // The writer is there as long as the host.
            _ = written.changed() => Ok(()),
        }
    }
}
