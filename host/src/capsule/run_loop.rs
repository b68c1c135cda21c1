//! The run loop of a capsule: a task of its own, on an instance of its own, which hears many principals.
//!
//! A loop that fails is started again, after a pause that grows; when it has failed too often it stays down, with its
//! reason. One that computes for long without waiting on anything is stopped, and so is one whose owner is disabled, until
//! it is enabled. It never waits in a lane, and its capsule's handlers work beside it.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::instance::{Failed, Live};
use super::load::LoadedCapsule;
use super::loop_state::{LoopState, Over};
use super::request::Request;
use super::{CallError, Ceilings};
use crate::backoff::CAPSULE;
use crate::domain::{Entry, Resolving, ScopeSource};
use crate::limits::capsule::{RESTARTS, SPIN};
use crate::names::PrincipalId;
use crate::principal::PrincipalError;

/// The pause before an owner whose profile or configuration cannot be read is looked up again.
const OWNER_RETRY: Duration = Duration::from_secs(10);

impl LoadedCapsule {
    /// Starts the run loop in a task of its own, which ends when the capsule is closed. If it took another load's place,
    /// the loop of that one ends first.
    pub(crate) fn start_run_loop(self: &Arc<Self>) {
        self.run_loop.state.send_replace(LoopState::Starting);
        let capsule = Arc::clone(self);
        tokio::spawn(async move { capsule.supervise().await });
    }

    /// Runs the loop, again and again while that helps.
    async fn supervise(self: Arc<Self>) {
        // However this ends, nobody waits for a loop that isn't there.
        let _over = Over(&self.run_loop);
        let _turn = tokio::select! {
            biased;
            () = self.info.unloaded().cancelled() => return,
            turn = self.environment.loops.lock(&self.info.name) => turn,
        };
        // Those that are held against it, and all of them.
        let (mut restarts, mut attempts) = (0, 0);
        loop {
            let began = Instant::now();
            // From before the owner is looked up: a change that comes after is seen.
            let mut changes = self.environment.principals.watch();
            let ended = tokio::select! {
                biased;
                ended = self.run_once() => ended,
                error = self.owner_is_refused(&mut changes) => Err(CallError::from(error).into()),
            };
            if self.info.unloaded().is_cancelled() {
                return;
            }
            let Failed { error, starved } = match ended {
                Err(Failed {
                    error: CallError::Principal(error),
                    ..
                }) => {
                    if self.pause_for_owner(&error, changes).await {
                        continue;
                    }
                    return;
                }
                Ok(true) => return,
                Ok(false) => {
                    self.record_no_loop().await;
                    self.run_loop.state.send_replace(LoopState::Absent);
                    return;
                }
                Err(error) => error,
            };
            // A loop that ran for longer than the longest pause has its restarts back.
            if began.elapsed() > CAPSULE.longest {
                (restarts, attempts) = (0, 0);
            }
            // What it said of itself holds no longer; said before its state tells that it failed.
            self.info.not_ready();
            let reason = error.to_string();
            tracing::warn!(capsule = %self.info.name, %error, "the run loop failed");
            // What others took is no reason to give it up.
            if restarts == RESTARTS && !starved {
                self.tell_loop_failed(&reason, None);
                self.run_loop
                    .state
                    .send_replace(LoopState::Failed { reason });
                return;
            }
            restarts += u32::from(!starved);
            let pause = CAPSULE.after(attempts);
            attempts += 1;
            self.tell_loop_failed(&reason, Some(pause));
            self.run_loop.restarts.fetch_add(1, Relaxed);
            self.run_loop.state.send_replace(LoopState::Restarting {
                reason,
                restarts: attempts,
            });
            tokio::select! {
                () = self.info.unloaded().cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Waits until the owner may not be acted for any more.
    async fn owner_is_refused(&self, changes: &mut watch::Receiver<()>) -> PrincipalError {
        loop {
            // Its sender is the environment's.
            let _ = changes.changed().await;
            match self.tenant(&self.owner).await {
                // What cannot be read just now says nothing of the owner.
                Ok(_) | Err(CallError::Principal(PrincipalError::Home(_))) => {}
                Err(CallError::Principal(error)) => return error,
                Err(_) => {}
            }
        }
    }

    /// Waits until it is worth looking for the owner again; false when the capsule was unloaded meanwhile.
    async fn pause_for_owner(
        &self,
        error: &PrincipalError,
        mut changes: watch::Receiver<()>,
    ) -> bool {
        let reason = error.to_string();
        // What it said of itself holds no longer; said before its state tells that it is paused.
        self.info.not_ready();
        let paused = LoopState::Paused { reason };
        if *self.run_loop.state.borrow() != paused {
            tracing::warn!(capsule = %self.info.name, %error, "the run loop is paused");
            self.run_loop.state.send_replace(paused);
        }
        let disabled = matches!(error, PrincipalError::Disabled(_));
        tokio::select! {
            biased;
            () = self.info.unloaded().cancelled() => false,
            _ = changes.changed() => true,
            () = tokio::time::sleep(OWNER_RETRY), if !disabled => true,
        }
    }

    /// Writes down, for every later load of the component, that there is no loop in it.
    async fn record_no_loop(&self) {
        let (environment, known) = (Arc::clone(&self.environment), Arc::clone(&self.known));
        let record = move || {
            let kept = environment.components.keep(&known.without_loop());
            environment.components.forget(&known.hash);
            kept
        };
        // What can't be written down is found out again.
        if let Ok(Err(error)) = self.environment.blocking.bulk(record).await {
            tracing::warn!(capsule = %self.info.name, %error, "what is known of the component can't be kept");
        }
    }

    /// Runs it once; tells whether it asked the host for anything.
    async fn run_once(self: &Arc<Self>) -> Result<bool, Failed> {
        let tenant = self.tenant(&self.owner).await?;
        let slots = &self.environment.loop_slots;
        if slots.are_taken() {
            tracing::warn!(
                capsule = %self.info.name,
                "its run loop waits: {} run already, and [engine] run_loops allows no more", slots.count()
            );
        }
        let slot = tokio::select! {
            biased;
            () = self.info.unloaded().cancelled() => None,
            slot = slots.take(0) => slot,
        };
        let Some(slot) = slot else {
            return Err(self.unloaded().into());
        };
        let asked = self.info.manifest.runtime.cpu_ms.map(Duration::from_millis);
        let ceilings = Ceilings {
            cpu: asked.map_or(SPIN, |asked| asked.min(SPIN)),
            // It runs for as long as it likes.
            wall: Duration::from_secs(u32::MAX.into()),
            ..tenant.ceilings
        };
        let request = Request {
            action: "",
            payload: &[],
            principal: &self.owner,
            wall: None,
            cpu: None,
            event: None,
            claimed_by: None,
            source: self.info.session,
            depth: 0,
        };
        let entry = Entry::RunLoop {
            received: None,
            scopes: Arc::new(TenantScopes(Arc::downgrade(self))),
        };
        let context = self.context(&request, entry, &tenant, ceilings);
        let live = Live::new(&self.template, slot, context, ceilings.memory);
        self.run_loop.state.send_replace(LoopState::Running);
        live.call_run(&self.template, ceilings).await
    }
}

/// Finds scopes as long as the capsule is there. Weak, because a loop's store holds it, and the capsule its loop.
struct TenantScopes(Weak<LoadedCapsule>);

impl ScopeSource for TenantScopes {
    fn scope<'a>(&'a self, principal: &'a PrincipalId) -> Resolving<'a> {
        Box::pin(async move {
            let capsule = self.0.upgrade().ok_or("the capsule was unloaded")?;
            let tenant = capsule.tenant(principal).await;
            let tenant = tenant.map_err(|error| error.to_string())?;
            Ok(Arc::clone(&tenant.scope))
        })
    }
}
