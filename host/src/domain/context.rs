//! What is known about a call while a guest serves it, on whose behalf it is made above all.

pub(crate) mod gate;

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::{LastWords, Scopes};
use crate::call::{CallScope, TraceId};
use crate::names::PrincipalId;
use crate::principal::PrincipalScope;
use crate::registry::CapsuleInfo;

/// The host function that a guest waits in, if it does: what a call that runs out of wall time is blamed on.
#[derive(Debug, Default)]
pub struct Waiting(Option<&'static str>);

impl Waiting {
    /// Waits for `done` in `function`, such as `astrid:sys/host.sleep-ns`. Dropped meanwhile, it stays known.
    pub async fn within<T>(&mut self, function: &'static str, done: impl Future<Output = T>) -> T {
        self.0 = Some(function);
        let done = done.await;
        self.0 = None;
        done
    }

    /// The function.
    pub fn function(&self) -> Option<&'static str> {
        self.0
    }
}

/// The entry point that a guest is in.
pub enum Entry {
    /// The hook: one of its handlers is called.
    Handler,
    /// The install hook.
    Install,
    /// The upgrade hook.
    Upgrade {
        /// The version that is replaced.
        from: String,
    },
    /// The run loop.
    RunLoop {
        /// The message that it received last: none before the first one and after an empty receive.
        received: Option<Received>,
        /// Where the scopes of those are from whom it receives messages.
        scopes: Arc<dyn ScopeSource>,
    },
}

impl Entry {
    /// Whether it is the install or the upgrade hook.
    pub fn is_lifecycle(&self) -> bool {
        matches!(self, Self::Install | Self::Upgrade { .. })
    }
}

/// A principal with one capsule: what was resolved for it, and what each domain keeps there.
pub struct Scope {
    resolved: PrincipalScope,
    pub(super) parts: Scopes,
}

impl Scope {
    /// The scope of a resolved principal, in which the domains keep nothing yet.
    pub fn new(resolved: PrincipalScope) -> Self {
        Self {
            resolved,
            parts: Scopes::default(),
        }
    }
}

impl Deref for Scope {
    type Target = PrincipalScope;

    fn deref(&self) -> &PrincipalScope {
        &self.resolved
    }
}

/// A principal's scope with a capsule, or why there is none.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Arc<Scope>, String>> + Send + 'a>>;

/// Resolves principals for a capsule.
pub trait ScopeSource: Send + Sync + 'static {
    /// The principal's scope. There is none if there is no such principal, it is disabled, or its profile or its
    /// configuration of the capsule cannot be read.
    fn scope<'a>(&'a self, principal: &'a PrincipalId) -> Resolving<'a>;
}

/// What a run loop is told of the message that it received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// When it was published.
    pub published: jiff::Timestamp,
    /// Whether the host itself published it, and so for no principal.
    pub by_host: bool,
}

/// What is known about the call that a guest is serving. Each domain's view is built with one, so "who is
/// calling" is always a value and never a default.
pub struct CallContext {
    /// The capsule.
    pub capsule: Arc<CapsuleInfo>,
    /// The entry point that is called.
    pub entry: Entry,
    /// The principal, with what was resolved for it and this capsule.
    pub scope: Arc<Scope>,
    /// The topic of the event; none for a direct call.
    pub topic: Option<Arc<str>>,
    /// The session of the uplink that says on whose behalf; none where the host itself knows. What is claimed fails
    /// every gate that asks for more.
    pub claimed_by: Option<Uuid>,
    /// Who published it, a session uuid: the host's own for a direct call.
    pub source: Uuid,
    /// When the guest was entered.
    pub began: Instant,
    /// When its wall time is over.
    pub deadline: Instant,
    /// How many calls this one is nested in.
    pub depth: u8,
    /// Names the call.
    pub trace: TraceId,
    /// What the guest waits in.
    pub waiting: Waiting,
    /// Whether the instance called any host function.
    pub(crate) asked: bool,
    /// How the guest said that it ends.
    pub(crate) last_words: Option<LastWords>,
}

impl CallContext {
    /// On whose behalf the call is made.
    pub fn principal(&self) -> &PrincipalId {
        &self.scope.principal.id
    }

    /// Notes that the guest waits for something: a run loop that cannot say that it is ready is ready by that.
    pub(crate) fn waits(&self) {
        if let Entry::RunLoop { .. } = self.entry {
            self.capsule.loop_waits();
        }
    }

    /// What code that is called from within the call passes on to what it dispatches.
    pub fn nesting(&self) -> CallScope {
        CallScope {
            principal: self.principal().clone(),
            claimed_by: self.claimed_by,
            source: self.source,
            depth: self.depth,
            deadline: Some(self.deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_waited_in_is_known_when_the_wait_is_given_up() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.within("done", async { 5 }).await, 5);
        assert_eq!(waiting.function(), None);
        let endless = waiting.within("endless", std::future::pending::<()>());
        let given_up = std::future::ready(());
        tokio::select! { biased; () = endless => {} () = given_up => {} }
        assert_eq!(waiting.function(), Some("endless"));
    }
}
