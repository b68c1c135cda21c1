//! A run loop as others see it: what it is doing, and whether it is ready.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::registry::CapsuleInfo;

/// What a run loop is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoopState {
    /// It is being started.
    Starting,
    /// It runs. Whether it is ready is another matter: [`super::Capsule::is_ready`].
    Running,
    /// It doesn't run, because its owner is disabled or cannot be acted for; it is started when that changes.
    Paused {
        /// What is the matter with the owner.
        reason: String,
    },
    /// It failed, and is started again after a pause.
    Restarting {
        /// How it failed.
        reason: String,
        /// How often it was started again, this time included.
        restarts: u32,
    },
    /// It failed too often, and stays down until its capsule is loaded again.
    Failed {
        /// How it failed the last time.
        reason: String,
    },
    /// It returned.
    Ended,
    /// It returned without having asked for anything: there is no loop in it, whatever the binary exports.
    Absent,
}

/// What came of waiting for a run loop to say that it is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is ready, or there is nothing to wait for.
    Ready,
    /// It wasn't in time.
    Timeout,
    /// It failed, or ended, before it was.
    Crashed {
        /// How.
        reason: String,
    },
}

/// A run loop as others see it.
pub(crate) struct RunLoop {
    pub(super) state: watch::Sender<LoopState>,
    pub(super) restarts: AtomicU32,
}

impl Default for RunLoop {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(LoopState::Absent),
            restarts: AtomicU32::new(0),
        }
    }
}

impl RunLoop {
    /// What it is doing; none if there is no loop.
    pub(crate) fn state(&self) -> Option<LoopState> {
        let state = self.state.borrow().clone();
        (state != LoopState::Absent).then_some(state)
    }

    /// How often it was started again.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts.load(Relaxed)
    }

    /// Waits until it doesn't run, and won't.
    pub(crate) async fn over(&self) {
        // Its sender is right here.
        let _ = self.state.subscribe().wait_for(Self::is_over).await;
    }

    fn is_over(state: &LoopState) -> bool {
        matches!(
            state,
            LoopState::Absent | LoopState::Ended | LoopState::Failed { .. }
        )
    }

    /// What is known of its being ready; [`Readiness::Timeout`] if nothing yet.
    pub(crate) fn readiness(&self, capsule: &CapsuleInfo) -> Readiness {
        if capsule.is_ready() {
            return Readiness::Ready;
        }
        match &*self.state.borrow() {
            LoopState::Absent => Readiness::Ready,
            LoopState::Failed { reason }
            | LoopState::Paused { reason }
            | LoopState::Restarting { reason, .. } => {
                let reason = reason.clone();
                Readiness::Crashed { reason }
            }
            LoopState::Ended => {
                let reason = "it returned before it was ready".to_owned();
                Readiness::Crashed { reason }
            }
            LoopState::Starting | LoopState::Running => Readiness::Timeout,
        }
    }

    /// Waits until it can be said whether the loop is ready.
    pub(crate) async fn ready(&self, capsule: &CapsuleInfo, limit: Duration) -> Readiness {
        let mut state = self.state.subscribe();
        let mut ready = capsule.readiness();
        let settled = async {
            loop {
                // Seen before it is looked at: what changes then is a change.
                ready.mark_unchanged();
                state.mark_unchanged();
                match self.readiness(capsule) {
                    Readiness::Timeout => {}
                    known => return known,
                }
                // Both senders live as long as the capsule, which is borrowed here.
                tokio::select! {
                    _ = ready.changed() => {}
                    _ = state.changed() => {}
                }
            }
        };
        timeout(limit, settled).await.unwrap_or(Readiness::Timeout)
    }
}

/// Says that the loop has ended, unless it was said how.
pub(super) struct Over<'a>(pub(super) &'a RunLoop);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.state.send_if_modified(|state| {
            let open = !RunLoop::is_over(state);
            if open {
                *state = LoopState::Ended;
            }
            open
        });
    }
}
