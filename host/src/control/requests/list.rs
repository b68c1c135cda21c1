//! Lists the installed capsules.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ask;
use crate::capsule::{Capsule, LoopState, OpenCircuit};
use crate::control::operator::Operator;
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Remarks};
use crate::home::Home;
use crate::host::Host;
use crate::names::{CapsuleName, PrincipalId};
use crate::package::{self, ComponentHash, PackageError};
use crate::text::cut;

/// Most bytes of a text in a list.
const LISTED: usize = 2 * 1024;

/// Most principals that are listed by name for whom a capsule isn't called.
pub const REFUSED: usize = 8;

/// Lists the installed capsules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {}

/// An installed capsule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: CapsuleName,
    /// What its record says; none if it is damaged.
    pub record: Option<ListedRecord>,
    /// What is damaged.
    pub error: Option<Problem>,
    /// How it fares; none where no host runs.
    pub life: Option<Life>,
}

/// What is listed of an installed capsule's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRecord {
    /// The installed version.
    pub version: String,
    /// BLAKE3 of the component.
    pub hash: ComponentHash,
    /// The principal it was installed for.
    pub owner: Option<String>,
    /// Where it came from.
    pub source: Option<String>,
    /// When the capsule was first installed.
    pub installed_at: Timestamp,
    /// When this version was.
    pub updated_at: Timestamp,
}

/// How a capsule fares in a running host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// What it is doing.
    pub state: State,
    /// Why it isn't loaded, or how its run loop failed.
    pub reason: Option<String>,
    /// How often its run loop was started again.
    pub restarts: u32,
    /// Calls and events that wait for it.
    pub queued: usize,
    /// For whom it isn't called because it kept failing: the first [`REFUSED`] of them, by name.
    pub refused: Vec<RefusedFor>,
    /// For how many it isn't called.
    pub refused_count: usize,
}

/// A principal for whom a capsule isn't called because it kept failing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedFor {
    /// The principal.
    pub principal: PrincipalId,
    /// How the last call failed; it may quote the guest.
    pub reason: String,
    /// In how many milliseconds one call is let through; 0 while one is under way.
    pub retry_in_ms: u64,
}

/// What a capsule is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is loaded; it has no run loop.
    Loaded,
    /// Its run loop runs.
    Running,
    /// Its run loop runs, and has said that it is ready.
    Ready,
    /// Its run loop doesn't run, because its owner is disabled or cannot be acted for.
    Paused,
    /// Its run loop failed, and is started again after a pause.
    Restarting,
    /// Its run loop failed too often.
    Failed,
    /// Its run loop returned.
    Ended,
    /// It isn't loaded.
    NotLoaded,
}

impl State {
    /// Its word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
            Self::Ended => "ended",
            Self::NotLoaded => "not loaded",
        }
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
