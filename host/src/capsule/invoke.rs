//! The way of a call: lane, permit, instance, guest, verdict.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::circuit::Open;
use super::instance::{CapsuleResult, Lifecycle, Live};
use super::lane::Lane;
use super::load::LoadedCapsule;
use super::{CallError, Ceilings};
use crate::call::{Call, CallContext, InstanceState, MAX_PAYLOAD, Reply, Verdict};
use crate::exports::EntryPoint;
use crate::manifest::Isolation;
use crate::principal::{PrincipalId, PrincipalScope};

/// Wall time of an install or upgrade hook: ten minutes.
const LIFECYCLE_WALL: Duration = Duration::from_secs(600);
/// Calls of one principal that run at once where the manifest lifts the order and names no number.
const UNORDERED: usize = 4;

impl LoadedCapsule {
    /// Calls a handler, in this capsule's lane of the principal.
    ///
    /// # Errors
    /// [`CallError`]. After a trap or a timeout, or when the future is dropped, the instance is gone and the next
    /// call gets a fresh one.
    pub(crate) async fn invoke(&self, call: &Call) -> Result<Reply, CallError> {
        self.known_action(&call.action)?;
        let lane = match self.known_lane(&call.principal)? {
            Some(lane) => lane,
            None => self.lane(&call.principal).await?,
        };
        // A permit is only free when nobody waits for one.
        let _permit = match lane.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => match lane.permits.acquire().await {
                Ok(permit) => permit,
                Err(_) => return Err(self.unloaded()),
            },
        };
        // A lane that is made while the capsule is closed is not closed with the others.
        if self.closed.load(Relaxed) {
            return Err(self.unloaded());
        }
        let attempt = match lane.circuit.enter() {
            Ok(attempt) => attempt,
            Err(open) => return Err(self.circuit_open(&call.principal, open)),
        };
        let ceilings = lane.ceilings.for_call(call.cpu, call.wall);
        let (mut live, instance, began) = match lane.idle.take() {
            Some(mut live) => {
                let began = Instant::now();
                live.begin(self, &lane, began, ceilings);
                (live, InstanceState::Reused, began)
            }
            None => {
                let Some(slot) = self.environment.slots.take().await else {
                    return Err(self.unloaded());
                };
                let context = self.context(&lane, ceilings);
                let began = context.began;
                let live = Box::new(Live::new(self, slot, context, ceilings.memory, None));
                (live, InstanceState::Fresh, began)
            }
        };
        let called = live.call_hook(self, ceilings, began, &call.action, &call.payload);
        let (answer, ended) = match called.await {
            Ok(answered) => answered,
            Err(error) => {
                attempt.failed(&error.to_string());
                return Err(error);
            }
        };
        attempt.succeeded();
        let memory_peak = live.memory_peak();
        let most = self.environment.config.engine.instance_calls;
        if self.info.manifest.runtime.isolation != Isolation::Call && live.calls() < most {
            lane.idle.put(live, ended);
            self.environment.slots.put_back();
            if self.closed.load(Relaxed) {
                lane.idle.clear();
            }
        }
        let verdict = self.verdict(answer)?;
        Ok(Reply {
            verdict,
            elapsed: ended.saturating_duration_since(began),
            memory_peak,
            instance,
        })
    }

    /// Runs the install hook, or the upgrade hook if there was a version before; a stub isn't run.
    ///
    /// # Errors
    /// [`CallError`]; a hook that answered with an error ends in a panic that carries its text.
    pub(crate) async fn run_lifecycle(
        &self,
        principal: &PrincipalId,
        previous_version: Option<String>,
    ) -> Result<(), CallError> {
        let (entry, which) = match previous_version {
            None => (EntryPoint::Install, Lifecycle::Install),
            Some(_) => (EntryPoint::Upgrade, Lifecycle::Upgrade),
        };
        if !self.binary.is_real(entry) {
            return Ok(());
        }
        let lane = self.lane(principal).await?;
        let Some(slot) = self.environment.slots.take().await else {
            return Err(self.unloaded());
        };
        let ceilings = Ceilings {
            wall: LIFECYCLE_WALL,
            ..lane.ceilings
        };
        let context = self.context(&lane, ceilings);
        let live = Live::new(self, slot, context, ceilings.memory, previous_version);
        live.call_lifecycle(self, ceilings, which).await
    }

    /// Why calls for a principal are refused, while they are.
    pub(super) fn failed_for(&self, principal: &PrincipalId) -> Option<CallError> {
        let open = self.lanes.get(principal)?.circuit.refusal()?;
        Some(self.circuit_open(principal, open))
    }

    fn circuit_open(&self, principal: &PrincipalId, open: Open) -> CallError {
        CallError::CircuitOpen {
            capsule: self.info.name.clone(),
            principal: principal.clone(),
            reason: open.reason,
            retry_in: open.retry_in,
        }
    }

    fn unloaded(&self) -> CallError {
        CallError::Unloaded {
            capsule: self.info.name.clone(),
        }
    }

    fn known_action(&self, action: &str) -> Result<(), CallError> {
        match &self.actions {
            Some(known)
                if known
                    .binary_search_by(|known| known.as_str().cmp(action))
                    .is_err() =>
            {
                Err(CallError::NoHandler {
                    capsule: self.info.name.clone(),
                    action: action.to_owned(),
                    known: known.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// The principal's lane, if it was called for before; refused if the principal is disabled.
    fn known_lane(&self, principal: &PrincipalId) -> Result<Option<Arc<Lane>>, CallError> {
        let principals = &self.environment.principals;
        let changes = principals.changes();
        let lane = self.lanes.get(principal);
        if let Some(lane) = &lane
            && lane.checked_at.load(Relaxed) != changes
        {
            principals.resolve(principal)?;
            lane.checked_at.store(changes, Relaxed);
        }
        Ok(lane)
    }

    /// The principal's lane, made at its first call; refused if the principal isn't there or is disabled.
    async fn lane(&self, principal: &PrincipalId) -> Result<Arc<Lane>, CallError> {
        let changes = self.environment.principals.changes();
        if let Some(lane) = self.known_lane(principal)? {
            return Ok(lane);
        }
        let (environment, id, name) = (
            Arc::clone(&self.environment),
            principal.clone(),
            self.info.name.clone(),
        );
        // It reads the profile and the overlay.
        let resolve = move || {
            let found = environment.principals.resolve(&id)?;
            let sinks = Arc::clone(&environment.sinks);
            Ok(PrincipalScope::resolve(found, &name, sinks))
        };
        let scope = match self.environment.blocking.run(resolve).await {
            Ok(scope) => scope.map_err(CallError::Principal)?,
            // The runtime is shutting down.
            Err(_) => return Err(self.unloaded()),
        };
        let lane = Arc::new(self.new_lane(scope, changes));
        // Two first calls at once: both get the lane that came first.
        self.lanes.get_or_insert_with(principal, || Ok(lane))
    }

    fn new_lane(&self, scope: PrincipalScope, checked_at: u64) -> Lane {
        let runtime = &self.info.manifest.runtime;
        let limits = &self.environment.config.limits;
        let ceilings = Ceilings::new(runtime, limits, &scope.principal.profile.limits);
        let permits = match runtime.instances {
            _ if runtime.ordered => 1,
            Some(instances) => instances as usize,
            None => UNORDERED,
        };
        let idle = match runtime.isolation {
            Isolation::Shared => Arc::clone(&self.shared_idle),
            Isolation::Principal | Isolation::Call => Arc::default(),
        };
        let number = self.lane_count.fetch_add(1, Relaxed);
        Lane::new(scope, ceilings, permits, idle, checked_at, number)
    }

    fn context(&self, lane: &Lane, ceilings: Ceilings) -> CallContext {
        let began = Instant::now();
        CallContext {
            scope: Arc::clone(&lane.scope),
            topic: None,
            source: self.environment.session,
            began,
            deadline: began + ceilings.wall,
            depth: 0,
            trace: lane.next_trace(),
        }
    }

    /// The guest's answer as a verdict, within the bound on payloads.
    fn verdict(&self, answer: CapsuleResult) -> Result<Verdict, CallError> {
        let CapsuleResult { action, data } = answer;
        if data.as_ref().is_some_and(|data| data.len() > MAX_PAYLOAD) {
            return Err(CallError::TooLarge {
                capsule: self.info.name.clone(),
                limit: MAX_PAYLOAD,
            });
        }
        match action.as_str() {
            "continue" => Ok(Verdict::Continue(data)),
            "final" => Ok(Verdict::Final(data)),
            "deny" | "abort" => Ok(Verdict::Deny(data)),
            _ => {
                let answer = action.chars().take(64).collect();
                Err(CallError::NoVerdict {
                    capsule: self.info.name.clone(),
                    answer,
                })
            }
        }
    }
}
