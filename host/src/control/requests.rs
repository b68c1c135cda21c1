//! A type for each request to a home, with the type of its reply where that is its own.
//!
//! They cross the socket as JSON by their fields' names: changing one makes a new version of the protocol.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::call::{Call, CallDraft, InstanceState, InvalidCall, Reply, Verdict};
use crate::events::EventDraft;
use crate::exports::Binary;
use crate::manifest::{CapsuleName, Diagnostic};
use crate::names::PrincipalId;
use crate::package::consent::{Consent, Terms};
use crate::package::{ComponentHash, Meta};
use crate::payload::{Payload, PayloadError};

/// Calls a handler of an installed capsule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoke {
    /// The capsule.
    pub capsule: CapsuleName,
    /// The handler.
    pub action: String,
    /// What it is given: JSON.
    pub payload: String,
    /// On whose behalf.
    pub principal: PrincipalId,
    /// How long it may take, in microseconds; at most what the capsule may.
    pub within_us: Option<u64>,
}

impl Invoke {
    /// This call, of an installed capsule.
    pub fn new(
        capsule: CapsuleName,
        call: CallDraft,
        principal: &PrincipalId,
        within: Option<Duration>,
    ) -> Self {
        Self {
            capsule,
            action: call.action,
            // A draft's payload is JSON, and so UTF-8.
            payload: call.payload.to_string(),
            principal: principal.clone(),
            within_us: within.map(micros),
        }
    }

    /// The call.
    pub(super) fn call(&self) -> Result<Call, InvalidCall> {
        let call = Call::raw(self.action.as_str(), self.payload.as_str())?.by(&self.principal);
        Ok(match self.within_us {
            Some(within) => call.within(Duration::from_micros(within)),
            None => call,
        })
    }
}

/// What a handler answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoked {
    /// `continue`, `final` or `deny`.
    pub verdict: Cow<'static, str>,
    /// What it said with it; guest-controlled.
    pub data: Option<String>,
    /// Why it denies; guest-controlled.
    pub reason: Option<String>,
    /// From the moment the guest was entered to its answer, in microseconds.
    pub elapsed_us: u64,
    /// Most bytes of linear memory held meanwhile.
    pub memory_peak: usize,
    /// Fresh or reused.
    pub instance: InstanceState,
}

impl From<Reply> for Invoked {
    fn from(reply: Reply) -> Self {
        let (verdict, data, reason) = match reply.verdict {
            Verdict::Continue(data) => ("continue", data, None),
            Verdict::Final(data) => ("final", data, None),
            Verdict::Deny(reason) => ("deny", None, reason),
        };
        Self {
            verdict: verdict.into(),
            data,
            reason,
            elapsed_us: micros(reply.elapsed),
            memory_peak: reply.memory_peak,
            instance: reply.instance,
        }
    }
}

/// Publishes an event, and waits for its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// Its topic.
    pub topic: String,
    /// What it says: JSON.
    pub payload: String,
    /// On whose behalf.
    pub principal: PrincipalId,
}

impl Publish {
    /// This event.
    pub fn new(event: EventDraft, principal: &PrincipalId) -> Self {
        let (topic, payload) = event.into_parts();
        Self {
            topic: topic.as_str().to_owned(),
            payload: payload.as_str().to_owned(),
            principal: principal.clone(),
        }
    }
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// `continue`, `final` or `deny`.
    pub verdict: Cow<'static, str>,
    /// The answer where there is one, else what the chain made of the payload.
    pub payload: String,
    /// Why it is denied; at most 32 KiB.
    pub reason: Option<String>,
    /// Who was asked, in order; the first 1,024.
    pub steps: Vec<PublishedStep>,
}

/// A handler of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedStep {
    /// Its capsule.
    pub capsule: CapsuleName,
    /// Its name.
    pub action: String,
    /// `continue`, `rewrite`, `final`, `deny`, `failed`, `skipped` (it kept failing, and isn't called) or `running`.
    pub verdict: Cow<'static, str>,
    /// What is to be said about it: why it denies, or how it failed; cut beyond 1 KiB.
    pub error: Option<String>,
    /// From when it was called until it answered, in microseconds.
    pub elapsed_us: u64,
}

/// Lists the tools of the installed capsules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// To whom they are described.
    pub principal: PrincipalId,
}

/// Calls a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTool {
    /// The tool.
    pub tool: String,
    /// Its arguments: JSON.
    pub arguments: String,
    /// On whose behalf.
    pub principal: PrincipalId,
}

impl CallTool {
    /// A call of a tool with arguments that should be JSON.
    ///
    /// # Errors
    /// A [`Problem`] of the kind `usage` where they aren't.
    pub fn new(tool: &str, arguments: Vec<u8>, principal: &PrincipalId) -> Result<Self, Problem> {
        let arguments = Payload::from_bytes(arguments).map_err(|error| no_arguments(&error))?;
        Ok(Self {
            tool: tool.to_owned(),
            arguments: arguments.to_string(),
            principal: principal.clone(),
        })
    }

    pub(super) fn payload(&self) -> Result<Payload, Problem> {
        Payload::parse(self.arguments.as_str()).map_err(|error| no_arguments(&error))
    }
}

fn no_arguments(error: &PayloadError) -> Problem {
    Problem::usage(format!("the arguments cannot be handed over: {error}"))
        .hint(r#"give an object that fits the tool's schema (astrid tools --json): --arguments '{"city": "Oslo"}'"#)
}

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

/// Most principals that are listed by name for whom a capsule isn't called.
pub const REFUSED: usize = 8;

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

/// Reads the parts of an installed capsule that a linter compares with each other. The linter itself is not here: what
/// it says is for authors, and no host acts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examine {
    /// The capsule.
    pub capsule: CapsuleName,
}

/// The parts of a capsule that a linter compares with each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Examined {
    /// The text of the manifest, in which no mistake was found.
    pub manifest: String,
    /// The deprecated forms in the manifest.
    pub deprecated: Vec<Diagnostic>,
    /// The component as [`analyse`](crate::exports::analyse) judges it, whatever the manifest says of entry points.
    pub binary: Binary,
}

/// Looks whether installed capsules are what was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// Which one; none is all.
    pub capsule: Option<CapsuleName>,
}

/// Whether a capsule is what was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Its name.
    pub name: CapsuleName,
    /// Its version and hash, or what is wrong.
    pub whole: Result<(String, ComponentHash), Problem>,
    /// Whether its files beside the component were looked at, too: older hosts recorded no hashes of them.
    pub covered: bool,
}

/// Installs a capsule, or another version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// A folder with Capsule.toml beside its component, or an archive; an absolute path.
    pub from: PathBuf,
    /// What was agreed to: the package, its source and its owner.
    pub consent: Box<Consent>,
    /// Whether what is installed under its name must also be what it was compared with. Not so where nobody was to be
    /// asked (`--yes`).
    pub as_compared: bool,
}

/// What was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledNow {
    /// Its record.
    pub meta: Meta,
    /// The version before, if there was one.
    pub previous: Option<String>,
}

/// Removes an installed capsule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remove {
    /// Which one.
    pub capsule: CapsuleName,
}

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

/// Lists the principals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principals {}

/// A principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPrincipal {
    /// Its name.
    pub name: PrincipalId,
    /// Whether calls for it are taken.
    pub enabled: bool,
    /// Why they are not where its profile can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// Adds a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddPrincipal {
    /// Its name.
    pub name: PrincipalId,
}

/// Refuses calls for a principal from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisablePrincipal {
    /// Its name.
    pub name: PrincipalId,
}

/// Lets a principal be called for again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnablePrincipal {
    /// Its name.
    pub name: PrincipalId,
}

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

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
