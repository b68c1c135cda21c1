//! What the host says of a capsule that keeps failing, on [`HEALTH_FAILED`]: its run loop failed, or its handlers are
//! not called for a principal any more for a while.

use serde_json::json;
use std::time::Duration;

use super::LoadedCapsule;
use crate::limits::capsule::REASON;
use crate::names::PrincipalId;
use crate::policy::speech::HEALTH_FAILED;

impl LoadedCapsule {
    /// Calls of its handlers are refused for a principal, for so long at least.
    pub(super) fn tell_open(&self, principal: &PrincipalId, reason: &str, pause: Duration) {
        self.tell_failed(&json!({
            "capsule_id": self.info.name, "part": "handlers", "principal": principal.as_str(),
            "reason": cut(reason), "retry_in_ms": millis(pause),
        }));
    }

    /// Its run loop failed; it is started again after a pause, or not at all.
    pub(super) fn tell_loop_failed(&self, reason: &str, pause: Option<Duration>) {
        self.tell_failed(&json!({
            "capsule_id": self.info.name, "part": "run-loop", "principal": self.owner.as_str(),
            "reason": cut(reason), "retry_in_ms": pause.map(millis),
        }));
    }

    fn tell_failed(&self, payload: &serde_json::Value) {
        let events = &self.environment.events;
        events.tell(HEALTH_FAILED, &self.owner, payload);
    }
}

fn cut(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON)]
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
