//! What is asked of a capsule, before an instance is found for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Ceilings;
use crate::call::TraceId;
use crate::dispatch::HandlerEvent;
use crate::domain::{CallContext, Entry, Scope, Waiting};
use crate::names::PrincipalId;
use crate::registry::CapsuleInfo;

/// One call of a handler, whoever makes it.
pub(super) struct Request<'a> {
    pub(super) action: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) principal: &'a PrincipalId,
    /// Lowers the wall time.
    pub(super) wall: Option<Duration>,
    /// Lowers the CPU time.
    pub(super) cpu: Option<Duration>,
    /// None for a direct call.
    pub(super) event: Option<&'a HandlerEvent>,
    /// The uplink that says on whose behalf; none where the host itself knows.
    pub(super) claimed_by: Option<Uuid>,
    pub(super) source: Uuid,
    pub(super) depth: u8,
}

impl Request<'_> {
    /// The time that the capsule's manifest allows the handler, where no caller's is over earlier.
    pub(super) fn own_time(&self) -> Option<Duration> {
        self.event.and_then(|event| event.own_time)
    }

    pub(super) fn context(
        &self,
        capsule: &Arc<CapsuleInfo>,
        entry: Entry,
        scope: &Arc<Scope>,
        trace: TraceId,
        ceilings: Ceilings,
    ) -> CallContext {
        let began = Instant::now();
        CallContext {
            capsule: Arc::clone(capsule),
            entry,
            scope: Arc::clone(scope),
            topic: self.event.map(|event| event.topic.as_str().into()),
            claimed_by: self.claimed_by,
            source: self.source,
            began,
            deadline: began + ceilings.wall,
            depth: self.depth,
            trace,
            waiting: Waiting::default(),
            asked: false,
            last_words: None,
        }
    }
}
