//! A loaded capsule as the dispatcher sees it: it answers events.

use std::sync::Arc;
use std::time::Duration;

use super::CallError;
use super::load::LoadedCapsule;
use super::request::Request;
use crate::bus::Attribution;
use crate::call::Verdict;
use crate::dispatch::{Handler, HandlerEvent, HandlerFailure, Turn};

/// One load of a capsule, bound to the topics of its manifest.
pub struct CapsuleHandler(pub(super) Arc<LoadedCapsule>);

impl CapsuleHandler {
    pub(crate) fn new(capsule: &Arc<LoadedCapsule>) -> Self {
        Self(Arc::clone(capsule))
    }

    pub(crate) fn capsule(&self) -> &Arc<LoadedCapsule> {
        &self.0
    }
}

impl Handler for CapsuleHandler {
    async fn handle<'a>(
        &'a self,
        event: &'a HandlerEvent,
        _turn: &'a Turn,
    ) -> Result<Verdict, HandlerFailure> {
        let left = event
            .deadline
            .map(|deadline| deadline.saturating_duration_since(std::time::Instant::now()));
        if left == Some(Duration::ZERO) {
            return Err(HandlerFailure::new(
                HandlerFailure::TIMEOUT,
                "there was no time left for it",
            ));
        }
        let request = Request {
            action: &event.action,
            payload: event.payload.as_bytes(),
            principal: &event.principal,
            // Its own time runs from when its guest is entered.
            wall: left.filter(|_| event.own_time.is_none()),
            cpu: None,
            event: Some(event),
            claimed_by: match event.attribution {
                Attribution::Claimed { by, .. } => Some(by),
                _ => None,
            },
            source: event.source,
            depth: event.depth,
        };
        match self.0.answer(request).await {
            Ok(reply) => Ok(reply.verdict),
            Err(error) => Err(failure(&error)),
        }
    }
}

fn failure(error: &CallError) -> HandlerFailure {
    HandlerFailure::new(error.kind().as_str(), error.to_string())
}
