//! The way of a call: lane, permit, instance, guest, verdict.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::circuit::{Open, OpenCircuit};
use super::guest::CapsuleResult;
use super::instance::Live;
use super::load::LoadedCapsule;
use super::request::Request;
use super::served::Served;
use super::slots::Slot;
use super::tenant::Tenant;
use super::{CallError, Ceilings};
use crate::call::{
    Call, CallDraft, CallScope, InstanceState, MAX_DEPTH, MAX_PAYLOAD, MAX_REASON, Reply, Verdict,
};
use crate::dispatch::Turn;
use crate::domain::{CallContext, Entry};
use crate::exports::EntryPoint;
use crate::limits::capsule::{LIFECYCLE_WALL, UNORDERED};
use crate::manifest::Isolation;
use crate::names::PrincipalId;
use crate::text::cut;

/// Why a load gave no answer.
enum Unserved {
    /// It was closed before its guest was entered: another load may answer.
    Closed,
    /// The call failed.
    Failed(CallError),
}

impl From<CallError> for Unserved {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

impl LoadedCapsule {
    /// Calls a handler from outside, in the principal's lane.
    ///
    /// # Errors
    /// [`CallError`]. After a trap or a timeout, or when the future is dropped, the instance is gone and the next
    /// call gets a fresh one.
    pub(crate) async fn invoke(&self, call: &Call) -> Result<Reply, CallError> {
        if self.environment.closing.load(Relaxed) {
            return Err(self.unloaded());
        }
        self.known_action(&call.action)?;
        let tenant = match self.known_tenant(&call.principal)? {
            Some(tenant) => tenant,
            None => Box::pin(self.tenant(&call.principal)).await?,
        };
        let _turn = match tenant.lane.try_enter() {
            Some(turn) => turn,
            // Boxed, like what else is rare: every call has room for what isn't.
            None => {
                let turn = Box::pin(self.turn(&tenant)).await?;
                // It may have been disabled meanwhile.
                self.known_tenant(&call.principal)?;
                turn
            }
        };
        let request = Request {
            action: &call.action,
            payload: call.payload.as_bytes(),
            principal: &call.principal,
            wall: call.wall,
            cpu: call.cpu,
            event: None,
            claimed_by: None,
            source: self.environment.session,
            depth: 0,
        };
        self.answer_for(&tenant, request).await
    }

    /// Calls a handler from within another call: beside the lane, a level deeper, and within the time that is left.
    ///
    /// # Errors
    /// As [`Self::invoke`]; [`CallError::Depth`].
    pub(crate) async fn invoke_within(
        &self,
        scope: &CallScope,
        call: &CallDraft,
    ) -> Result<Reply, CallError> {
        self.known_action(&call.action)?;
        if scope.depth >= MAX_DEPTH {
            return Err(CallError::Depth {
                capsule: self.info.name.clone(),
            });
        }
        let tenant = self.tenant(&scope.principal).await?;
        let _turn = tenant.lane.beside();
        let left = scope
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let request = Request {
            action: &call.action,
            payload: call.payload.as_bytes(),
            principal: &scope.principal,
            wall: left,
            cpu: None,
            event: None,
            claimed_by: scope.claimed_by,
            source: scope.source,
            depth: scope.depth + 1,
        };
        self.answer_for(&tenant, request).await
    }

    /// Waits for a turn in a lane that is taken.
    async fn turn(&self, tenant: &Tenant) -> Result<Turn, CallError> {
        let mut place = pin!(tenant.lane.enter());
        let turn = tokio::select! {
            biased;
            turn = &mut place => turn,
            // Whoever was queued when another load took this one's place is served by that one.
            () = self.info.unloaded().cancelled() => match self.newer() {
                Some(_) => place.await,
                None => return Err(self.unloaded()),
            },
        };
        turn.map_err(|_| self.unloaded())
    }

    /// The load that answers for the capsule at present, if this one is closed and another does.
    pub(crate) fn newer(&self) -> Option<Arc<LoadedCapsule>> {
        if !self.closed.load(Relaxed) {
            return None;
        }
        let current = self.current.current(&self.info.name)?;
        (!current.closed.load(Relaxed)).then_some(current)
    }

    /// Answers an event, for whoever holds a turn in the principal's lane.
    ///
    /// # Errors
    /// As [`Self::invoke`].
    pub(super) async fn answer(&self, request: Request<'_>) -> Result<Reply, CallError> {
        self.known_action(request.action)?;
        let tenant = match self.known_tenant(request.principal)? {
            Some(tenant) => tenant,
            None => Box::pin(self.tenant(request.principal)).await?,
        };
        self.answer_for(&tenant, request).await
    }

    /// Answers for one tenant. If this load is closed before a guest is entered, the one that took its place answers.
    async fn answer_for(&self, tenant: &Tenant, request: Request<'_>) -> Result<Reply, CallError> {
        match self.serve(tenant, &request).await {
            Ok(reply) => Ok(reply),
            Err(Unserved::Failed(error)) => Err(error),
            Err(Unserved::Closed) => Box::pin(self.answer_in_place(&request)).await,
        }
    }

    /// Answers with the load that answers for the capsule at present.
    async fn answer_in_place(&self, request: &Request<'_>) -> Result<Reply, CallError> {
        loop {
            let newer = self.newer().ok_or_else(|| self.unloaded())?;
            newer.known_action(request.action)?;
            let tenant = newer.tenant(request.principal).await?;
            match newer.serve(&tenant, request).await {
                Ok(reply) => return Ok(reply),
                Err(Unserved::Failed(error)) => return Err(error),
                Err(Unserved::Closed) => {}
            }
        }
    }

    async fn serve(&self, tenant: &Tenant, request: &Request<'_>) -> Result<Reply, Unserved> {
        // A tenant that is made while the capsule is closed is not cleared with the others.
        if self.closed.load(Relaxed) {
            return Err(Unserved::Closed);
        }
        let attempt = match tenant.circuit.enter() {
            Ok(attempt) => attempt,
            Err(open) => return Err(self.circuit_open(request.principal, open).into()),
        };
        // What its manifest allows a handler is its own limit, too.
        let own = tenant.ceilings.for_handler(request.own_time());
        let ceilings = own.for_call(request.cpu, request.wall);
        let (mut live, instance, began) = match tenant.idle.take() {
            Some(mut live) => {
                let began = Instant::now();
                let trace = tenant.next_trace();
                live.begin(&tenant.scope, trace, request, began, ceilings);
                (live, InstanceState::Reused, began)
            }
            None => {
                let Some(slot) = Box::pin(self.slot(request.depth)).await else {
                    return Err(Unserved::Closed);
                };
                let context = self.context(request, Entry::Handler, tenant, ceilings);
                let began = context.began;
                let live = Box::new(Live::new(&self.template, slot, context, ceilings.memory));
                (live, InstanceState::Fresh, began)
            }
        };
        let served = Served::new(self, tenant, request, attempt, live.trace(), began);
        let (action, payload) = (request.action, request.payload);
        let called = live.call_hook(&self.template, ceilings, began, action, payload);
        let (answer, ended) = match called.await {
            Ok(answered) => answered,
            Err(failed) => return Err(served.failed(failed, own).into()),
        };
        let memory_peak = live.memory_peak();
        let most = self.environment.config.engine.instance_calls;
        if self.info.manifest.runtime.isolation != Isolation::Call && live.may_stay(most) {
            tenant.put_back(live, ended, &self.environment.slots);
            if self.closed.load(Relaxed) {
                tenant.idle.clear();
            }
        }
        let verdict = match self.verdict(answer, tenant) {
            Ok(verdict) => verdict,
            Err(error) => return Err(served.failed(error.into(), own).into()),
        };
        served.succeeded();
        Ok(Reply {
            verdict,
            elapsed: ended.saturating_duration_since(began),
            memory_peak,
            instance,
        })
    }

    /// The context of a call that begins now.
    pub(super) fn context(
        &self,
        request: &Request<'_>,
        entry: Entry,
        tenant: &Tenant,
        ceilings: Ceilings,
    ) -> CallContext {
        let trace = tenant.next_trace();
        request.context(&self.info, entry, &tenant.scope, trace, ceilings)
    }

    /// Waits for room for an instance; none once the capsule is unloaded.
    async fn slot(&self, depth: u8) -> Option<Slot> {
        let slot = tokio::select! {
            biased;
            () = self.info.unloaded().cancelled() => None,
            slot = self.environment.slots.take(depth) => slot,
        };
        slot.filter(|_| !self.closed.load(Relaxed))
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
        let (export, entry) = match previous_version {
            None => (EntryPoint::Install, Entry::Install),
            Some(from) => (EntryPoint::Upgrade, Entry::Upgrade { from }),
        };
        if !self.binary.is_real(export) {
            return Ok(());
        }
        let tenant = self.tenant(principal).await?;
        let _turn = self.turn(&tenant).await?;
        let slot = self.slot(0).await.ok_or_else(|| self.unloaded())?;
        let ceilings = Ceilings {
            wall: LIFECYCLE_WALL,
            ..tenant.ceilings
        };
        let request = Request {
            action: "",
            payload: &[],
            principal,
            wall: None,
            cpu: None,
            event: None,
            claimed_by: None,
            source: self.environment.session,
            depth: 0,
        };
        let context = self.context(&request, entry, &tenant, ceilings);
        let live = Live::new(&self.template, slot, context, ceilings.memory);
        live.call_lifecycle(&self.template, ceilings).await
    }

    /// Why calls for a principal are refused, while they are.
    pub(super) fn failed_for(&self, principal: &PrincipalId) -> Option<CallError> {
        let open = self.tenants.get(principal)?.circuit.refusal()?;
        Some(self.circuit_open(principal, open))
    }

    /// For whom calls are refused now, by name.
    pub(super) fn open_circuits(&self) -> Vec<OpenCircuit> {
        let open = self.tenants.iter().filter_map(|(principal, tenant)| {
            let Open { reason, retry_in } = tenant.circuit.refusal()?;
            Some(OpenCircuit {
                principal,
                reason,
                retry_in,
            })
        });
        let mut open: Vec<_> = open.collect();
        open.sort_unstable_by(|one, other| one.principal.cmp(&other.principal));
        open
    }

    fn circuit_open(&self, principal: &PrincipalId, open: Open) -> CallError {
        CallError::CircuitOpen {
            capsule: self.info.name.clone(),
            principal: principal.clone(),
            reason: open.reason,
            retry_in: open.retry_in,
        }
    }

    /// Why it isn't called any more.
    pub(super) fn unloaded(&self) -> CallError {
        let capsule = self.info.name.clone();
        if self.environment.closing.load(Relaxed) {
            return CallError::ShuttingDown { capsule };
        }
        CallError::Unloaded {
            capsule,
            called: false,
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

    /// How many calls of one principal run at once.
    pub(crate) fn permits(&self) -> usize {
        let runtime = &self.info.manifest.runtime;
        match runtime.instances {
            _ if runtime.ordered => 1,
            Some(instances) => instances as usize,
            None => UNORDERED,
        }
    }

    /// The guest's answer as a verdict, within the bound on payloads.
    fn verdict(&self, answer: CapsuleResult, tenant: &Tenant) -> Result<Verdict, CallError> {
        let CapsuleResult { action, data } = answer;
        if matches!(action.as_str(), "deny" | "abort") {
            // However long its reason is: a refusal must not become no answer.
            let masks = tenant.scope.masks();
            let reason = data.map(|reason| cut(masks.masked(reason), MAX_REASON));
            return Ok(Verdict::Deny(reason));
        }
        if data.as_ref().is_some_and(|data| data.len() > MAX_PAYLOAD) {
            return Err(CallError::TooLarge {
                capsule: self.info.name.clone(),
                limit: MAX_PAYLOAD,
            });
        }
        match action.as_str() {
            "continue" => Ok(Verdict::Continue(data)),
            "final" => Ok(Verdict::Final(data)),
            _ => {
                let action = tenant.scope.masks().masked(action);
                let answer = action.chars().take(64).collect();
                Err(CallError::NoVerdict {
                    capsule: self.info.name.clone(),
                    answer,
                })
            }
        }
    }
}
