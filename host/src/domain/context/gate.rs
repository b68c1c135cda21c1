//! Gates at the call: a host function passes its row here before it does anything, and here alone is it denied.
//!
//! An open gate costs a few comparisons: no lock, no allocation.

use super::CallContext;
use crate::policy::gate::{Closed, Denied, Row, Standing, Subject};
use crate::storage::LogLevel;

impl CallContext {
    /// Passes the gate of a function that is called neither for a topic nor for a path.
    ///
    /// # Errors
    /// [`Denied`], with what would open it. A row that is judged by one is always closed here.
    pub fn gate(&self, row: &Row<'_>) -> Result<(), Denied> {
        self.gate_for(row, |_| Err(Closed::NoSubject))
    }

    /// Passes the gate of a function that is called for a topic or a path: `judge` tells whether the manifest admits it.
    ///
    /// # Errors
    /// [`Denied`], with what would open it.
    pub(crate) fn gate_for(
        &self,
        row: &Row<'_>,
        judge: impl FnOnce(Subject) -> Result<(), Closed>,
    ) -> Result<(), Denied> {
        let standing = Standing {
            held: &self.capsule.manifest.capabilities,
            verified: self.claimed_by.is_none(),
            lifecycle: self.entry.is_lifecycle(),
        };
        let admitted = row.gate.admit(standing, judge);
        admitted.map_err(|why| self.denied(row, why))
    }

    /// The denial of a call. The contract has a code for it, and no text: what was denied, and what would open it, is in
    /// the capsule's log.
    pub(crate) fn denied(&self, row: &Row<'_>, why: Closed) -> Denied {
        let denied = row.denied(why);
        self.capsule.count_denied();
        self.scope.log(LogLevel::Warn, denied.to_string());
        denied
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    use super::super::{Entry, Scope, Waiting};
    use super::*;
    use crate::call::TraceId;
    use crate::env::Env;
    use crate::home::Home;
    use crate::manifest::CapsuleManifest;
    use crate::names::PrincipalId;
    use crate::policy::gate::Gate;
    use crate::principal::{PrincipalScope, Principals};
    use crate::registry::CapsuleInfo;
    use crate::storage::FileSecrets;

    /// A call of a handler for `default`, of a capsule whose manifest ends so.
    pub(crate) fn a_call(manifest: &str) -> CallContext {
        let text = format!("[package]\nname = \"demo\"\nversion = \"1.0.0\"\n{manifest}");
        let parsed = CapsuleManifest::parse(&text, "Capsule.toml").expect("a manifest");
        let capsule = Arc::new(CapsuleInfo::new(parsed.manifest, &CancellationToken::new()));
        let home = Home::ephemeral().expect("a home");
        let env = Env::new(home.clone(), Arc::new(FileSecrets::new(&home)));
        let principals = Principals::new(home);
        let principal = principals
            .resolve(&PrincipalId::default_principal())
            .expect("there");
        let name = &capsule.name;
        let scope = PrincipalScope::resolve(principal, name, &env, Arc::default(), Arc::new([]));
        CallContext {
            entry: Entry::Handler,
            source: capsule.session,
            capsule,
            scope: Arc::new(Scope::new(scope.expect("nothing is set"))),
            topic: None,
            claimed_by: None,
            began: Instant::now(),
            deadline: Instant::now(),
            depth: 0,
            trace: TraceId(0),
            waiting: Waiting::default(),
            asked: false,
            last_words: None,
        }
    }

    #[test]
    fn a_call_passes_or_is_denied_by_its_row() {
        let row = |gate| Row {
            interface: "acme:billing/host@1.0.0",
            function: "charge",
            gate,
        };
        let mut call = a_call("[capabilities]\nkv = true\n");
        let (open, kv) = (row(Gate::OPEN), row(Gate::capability(&["kv"])));
        let (verified, hook) = (row(Gate::OPEN.verified()), row(Gate::OPEN.in_lifecycle()));
        let passes =
            |call: &CallContext| [open, kv, verified, hook].map(|row| call.gate(&row).is_ok());
        assert_eq!(passes(&call), [true, true, true, false]);
        call.claimed_by = Some(Uuid::nil());
        assert_eq!(passes(&call), [true, true, false, false]);
        call.entry = Entry::Install;
        assert_eq!(passes(&call), [true, true, false, true]);
        let denied = call
            .gate(&row(Gate::capability(&["net"])))
            .expect_err("denied");
        assert!(
            denied.to_string().ends_with("net = [\"example.com\"]"),
            "{denied}"
        );
    }

    #[test]
    fn a_row_that_asks_for_a_topic_is_closed_without_one() {
        let call = a_call("[publish]\n\"*\" = {}\n");
        let publish = crate::domain::ipc::host_row("publish");
        assert!(matches!(
            call.gate(&publish),
            Err(Denied {
                why: Closed::NoSubject,
                ..
            })
        ));
        assert_eq!(call.gate_for(&publish, |_| Ok(())), Ok(()));
    }
}
