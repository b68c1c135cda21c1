//! A host in a home of its own, and short ways to ask it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::engine::Allocation;
use astrid_host::storage::{LogLevel, LogRecord, LogSink};
use astrid_host::{
    Call, CallError, Capsule, Home, Host, HostBuilder, InstanceState, PrincipalId, Reply, Verdict,
};
use serde::Serialize;
use serde_json::Value;

/// On demand, and from a pool in which a slot that isn't given back is missed by the very next call.
pub(crate) const ALLOCATIONS: [Allocation; 2] =
    [Allocation::OnDemand, Allocation::Pooled { instances: 1 }];

/// Longer than anything takes that a test waits for: what takes longer hangs.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// A principal's name.
pub(crate) fn id(name: &str) -> PrincipalId {
    name.parse().unwrap()
}

/// The beginning of a host with a fresh home.
pub(crate) fn builder() -> HostBuilder {
    Host::builder()
        .home(Home::ephemeral().unwrap())
        .allocation(Allocation::OnDemand)
}

/// What an operator writes who lets capsules write the workspace.
pub(crate) const DIRECT: &str = "[workspace]\nmode = \"direct\"\n";

/// The beginning of a host whose operator wrote this into etc/config.toml.
pub(crate) fn configured(config: &str) -> HostBuilder {
    let home = Home::ephemeral().unwrap();
    std::fs::write(home.root().join("etc/config.toml"), config).unwrap();
    Host::builder().home(home)
}

/// A host with the principals `default`, `alice` and `bob`.
pub(crate) async fn host() -> Host {
    with_people(builder()).await
}

/// The same, of a builder.
pub(crate) async fn with_people(builder: HostBuilder) -> Host {
    let host = builder.build().await.unwrap();
    for name in ["alice", "bob"] {
        host.principals().add(&id(name)).unwrap();
    }
    host
}

/// A host with one guest loaded.
pub(crate) async fn loaded(guest: Guest) -> (Host, Capsule) {
    let host = host().await;
    let capsule = host.load(guest.package()).await.unwrap();
    (host, capsule)
}

/// A call by `default`.
pub(crate) fn call(action: &str, payload: impl Serialize) -> Call {
    call_by("default", action, payload)
}

/// A call by somebody.
pub(crate) fn call_by(principal: &str, action: &str, payload: impl Serialize) -> Call {
    Call::json(action, &payload).unwrap().by(&id(principal))
}

/// What a handler answers `default`.
pub(crate) async fn ask(
    host: &Host,
    capsule: &Capsule,
    action: &str,
    payload: impl Serialize,
) -> Result<Reply, CallError> {
    host.invoke(capsule, call(action, payload)).await
}

/// A verdict's word and its data, parsed.
pub(crate) fn said(reply: &Reply) -> (&'static str, Value) {
    let (word, data) = match &reply.verdict {
        Verdict::Continue(data) => ("continue", data),
        Verdict::Final(data) => ("final", data),
        Verdict::Deny(reason) => {
            let reason = reason.clone().unwrap_or_default();
            return ("deny", Value::String(reason));
        }
    };
    let data = data.as_deref().unwrap_or("null");
    (word, serde_json::from_str(data).unwrap())
}

/// Whether the instances of some calls were fresh.
pub(crate) fn fresh<const N: usize>(replies: [&Reply; N]) -> [bool; N] {
    replies.map(|reply| reply.instance == InstanceState::Fresh)
}

/// Keeps the lines that guests log, and lets a test wait for one.
#[derive(Default)]
pub(crate) struct Lines {
    all: Mutex<Vec<LogRecord>>,
    came: tokio::sync::Notify,
}

impl Lines {
    /// Level, principal, capsule and message of each line so far.
    pub(crate) fn all(&self) -> Vec<(LogLevel, String, String, String)> {
        let all = self.all.lock().unwrap();
        let parts = |line: &LogRecord| {
            let LogRecord {
                level,
                principal,
                capsule,
                message,
                ..
            } = line.clone();
            (level, principal, capsule, message)
        };
        all.iter().map(parts).collect()
    }

    /// The messages so far.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.all()
            .into_iter()
            .map(|(.., message)| message)
            .collect()
    }

    /// Waits until `count` lines have come.
    pub(crate) async fn have(&self, count: usize) {
        while self.all.lock().unwrap().len() < count {
            self.came.notified().await;
        }
    }
}

/// What a host is given to write to.
pub(crate) struct Sink(pub(crate) Arc<Lines>);

impl LogSink for Sink {
    fn write(&self, record: &LogRecord) {
        self.0.all.lock().unwrap().push(record.clone());
        self.0.came.notify_one();
    }
}
