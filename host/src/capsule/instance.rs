//! One instance of a capsule: its store, its clock, and the entry points found in it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::Store;

use super::guest::{self, CapsuleResult};
use super::request::Request;
use super::slots::Slot;
use super::template::Template;
use super::{CallError, Ceilings, absent};
use crate::call::TraceId;
use crate::domain::{CallContext, Ending, Entry, LastWords, Scope, StoreState};
use crate::engine::{
    CpuClock, Frames, LIFT_LIMIT, MemoryLimiter, Refusal, Stopped, TrapKind, backtrace, timed,
    trap_kind,
};
use crate::exports::EntryPoint;
use crate::manifest::Isolation;
use crate::names::CapsuleName;

/// A store with what is needed to call into it. Dropping it ends the guest.
pub(super) struct Live {
    store: Store<StoreState>,
    clock: Arc<CpuClock>,
    hook: Option<guest::interceptor::Interceptor>,
    /// Calls that it served, with the one under way.
    calls: u64,
    slot: Slot,
}

impl Live {
    /// A store for a call; the guest is instantiated under the clocks of that call.
    pub(super) fn new(template: &Template, slot: Slot, call: CallContext, memory: usize) -> Self {
        let environment = &template.environment;
        // An instance that serves several principals is none of theirs.
        let is_shared = template.info.manifest.runtime.isolation == Isolation::Shared
            && matches!(call.entry, Entry::Handler);
        let account = (!is_shared).then(|| Arc::clone(&call.scope.principal.account));
        let limiter = MemoryLimiter::new(memory, Arc::clone(&environment.budget), account);
        let state = StoreState::new(call, limiter, Arc::clone(&template.loads));
        let mut store = Store::new(environment.engine.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(LIFT_LIMIT);
        let clock = CpuClock::attach(&mut store, environment.engine.pulse());
        Self {
            store,
            clock,
            hook: None,
            calls: 1,
            slot,
        }
    }

    /// Readies a used instance for its next call. The context is changed in place, field by field: counting up what
    /// is shared already would cost more than the rest.
    pub(super) fn begin(
        &mut self,
        scope: &Arc<Scope>,
        trace: TraceId,
        request: &Request<'_>,
        began: Instant,
        ceilings: Ceilings,
    ) {
        self.calls += 1;
        // Ticks that passed while it was idle would make it yield at once.
        self.store.set_epoch_deadline(1);
        let state = self.store.data_mut();
        let call = state.call_mut();
        if !Arc::ptr_eq(&call.scope, scope) {
            call.scope = Arc::clone(scope);
        }
        call.topic = request.event.map(|event| event.topic.as_str().into());
        call.claimed_by = request.claimed_by;
        call.source = request.source;
        call.began = began;
        call.deadline = began + ceilings.wall;
        call.depth = request.depth;
        call.trace = trace;
        call.last_words = None;
        state.limiter.begin_call(ceilings.memory);
    }

    /// Whether it may serve further calls, of which it may serve so many in all.
    pub(super) fn may_stay(&self, most: u64) -> bool {
        self.calls < most && !self.slot.reserved
    }

    /// Names the call that it serves.
    pub(super) fn trace(&self) -> TraceId {
        self.store.data().call().trace
    }

    /// Most bytes of linear memory held during the call.
    pub(super) fn memory_peak(&self) -> usize {
        self.store.data().limiter.peak()
    }

    /// Calls the hook entry point, after instantiating the guest if it wasn't yet.
    ///
    /// Whatever the error, the instance is not to be used again.
    pub(super) async fn call_hook(
        &mut self,
        template: &Template,
        ceilings: Ceilings,
        began: Instant,
        action: &str,
        payload: &[u8],
    ) -> Result<(CapsuleResult, Instant), Failed> {
        let Some(indices) = &template.hook else {
            return Err(no_export(template, EntryPoint::HookTrigger).into());
        };
        self.clock.begin(ceilings.cpu);
        let ending = template.info.unloaded();
        let (store, hook) = (&mut self.store, &mut self.hook);
        let (result, ended) = {
            // Pinned where it is made: it is large, and handing it over would move it twice.
            let call = pin!(async {
                let hook = match hook {
                    Some(hook) => hook,
                    None => {
                        let instance = template.pre.instantiate_async(&mut *store).await?;
                        hook.insert(indices.load(&mut *store, &instance)?)
                    }
                };
                hook.call_astrid_hook_trigger(store, action, payload).await
            });
            timed(&self.clock, began, ceilings.wall, ending, call).await
        };
        self.store.data().call().scope.report_dropped();
        let failure = match result {
            Ok(Ok(answer)) => return Ok((answer, ended)),
            Ok(Err(error)) => Failure::Guest(error),
            Err(stopped) => Failure::Stopped(stopped),
        };
        Err(self.explain(template, ceilings, failure))
    }

    /// Calls a lifecycle entry point in a fresh instance.
    pub(super) async fn call_lifecycle(
        mut self,
        template: &Template,
        ceilings: Ceilings,
    ) -> Result<(), CallError> {
        self.clock.begin(ceilings.cpu);
        let call = self.store.data().call();
        let (began, upgrades) = (call.began, matches!(call.entry, Entry::Upgrade { .. }));
        let ending = template.info.unloaded();
        let store = &mut self.store;
        let call = async {
            let instance = template.pre.instantiate_async(&mut *store).await?;
            if upgrades {
                let indices = guest::upgradable::UpgradableIndices::new(&template.pre)?;
                let hook = indices.load(&mut *store, &instance)?;
                hook.call_astrid_upgrade(store).await
            } else {
                let indices = guest::installable::InstallableIndices::new(&template.pre)?;
                let hook = indices.load(&mut *store, &instance)?;
                hook.call_astrid_install(store).await
            }
        };
        let (result, _) = timed(&self.clock, began, ceilings.wall, ending, call).await;
        let done = result
            .map_err(Failure::Stopped)
            .and_then(|result| result.map_err(Failure::Guest));
        self.store.data().call().scope.report_dropped();
        done.map_err(|failure| self.explain(template, ceilings, failure).error)
    }

    /// Calls the run loop, until it returns; tells whether the guest asked the host for anything. It is interrupted
    /// when it computes for longer than `ceilings.cpu` without waiting.
    pub(super) async fn call_run(
        mut self,
        template: &Template,
        ceilings: Ceilings,
    ) -> Result<bool, Failed> {
        self.clock.begin_loop(ceilings.cpu);
        let began = self.store.data().call().began;
        let ending = template.info.unloaded();
        let store = &mut self.store;
        let call = async {
            let instance = template.pre.instantiate_async(&mut *store).await?;
            let indices = guest::background::BackgroundIndices::new(&template.pre)?;
            indices.load(&mut *store, &instance)?.call_run(store).await
        };
        let (result, _) = timed(&self.clock, began, ceilings.wall, ending, call).await;
        self.store.data().call().scope.report_dropped();
        match result
            .map_err(Failure::Stopped)
            .and_then(|run| run.map_err(Failure::Guest))
        {
            Ok(()) => Ok(self.store.data().call().asked),
            Err(failure) => Err(self.explain(template, ceilings, failure)),
        }
    }

    /// What a failed call was, in this host's terms.
    fn explain(&mut self, template: &Template, ceilings: Ceilings, failure: Failure) -> Failed {
        let refused = self.store.data().limiter.refused();
        let starved = matches!(
            refused,
            Some(Refusal::Host { .. } | Refusal::Principal { .. })
        );
        let name = template.info.name.clone();
        match failure {
            Failure::Stopped(Stopped::Ended) => CallError::Unloaded {
                capsule: name,
                called: true,
            }
            .into(),
            Failure::Stopped(Stopped::TimedOut) => CallError::WallTimeout {
                capsule: name,
                principal: self.store.data().call().principal().clone(),
                set_by: ceilings.set_by.wall,
                budget: ceilings.wall,
                computed: self.clock.spent(),
                waiting: self.store.data().call().waiting.function(),
            }
            .into(),
            Failure::Guest(error) => {
                let is_trap = error.is::<wasmtime::Trap>();
                let error = self.explain_error(name, ceilings, &error);
                // Without a trap no code of the guest ran: there was no room for the instance.
                let no_room = !is_trap && matches!(error, CallError::Instantiate { .. });
                Failed {
                    error,
                    starved: starved || no_room,
                }
            }
        }
    }

    fn explain_error(
        &mut self,
        name: CapsuleName,
        ceilings: Ceilings,
        error: &wasmtime::Error,
    ) -> CallError {
        let trace = backtrace(error);
        let state = self.store.data_mut();
        let principal = state.call().principal().clone();
        let last_words = state.take_last_words();
        let refused = state.limiter.refused();
        match (trap_kind(error), last_words, refused) {
            (TrapKind::Interrupted, _, _) => CallError::CpuTimeout {
                capsule: name,
                principal,
                set_by: ceilings.set_by.cpu,
                budget: ceilings.cpu,
                trace,
            },
            (TrapKind::StackOverflow, _, _) => CallError::StackOverflow {
                capsule: name,
                trace,
            },
            (TrapKind::TooMuchData, _, _) => CallError::too_much_data(name),
            (TrapKind::Unreachable, Some(last), _) => ended_itself(name, last, trace),
            // An allocation that was refused ends in an abort, or in a failed instantiation.
            (
                TrapKind::Unreachable | TrapKind::OutOfBounds(_) | TrapKind::Other(_),
                None,
                Some(refusal),
            ) => CallError::memory(name, &principal, ceilings.set_by.memory, refusal),
            (TrapKind::Unreachable, None, None) => CallError::Trap {
                capsule: name,
                message: "unreachable code was executed".into(),
                trace,
            },
            (TrapKind::OutOfBounds(message) | TrapKind::Other(message), _, _)
                if self.hook.is_none() && trace.is_empty() =>
            {
                CallError::Instantiate {
                    capsule: name,
                    reason: message,
                }
            }
            (TrapKind::OutOfBounds(message) | TrapKind::Other(message), _, _) => CallError::Trap {
                capsule: name,
                message,
                trace,
            },
        }
    }
}

/// Why a guest gave no answer.
pub(super) struct Failed {
    pub(super) error: CallError,
    /// Whether the host had no room for it, because others took it: memory, or an instance.
    pub(super) starved: bool,
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Self {
            error,
            starved: false,
        }
    }
}

/// What a guest said before it ended itself. A panic in the standard library is told by the author's function that
/// called it: the library's own place is no help to them.
fn ended_itself(capsule: CapsuleName, last: LastWords, trace: Frames) -> CallError {
    let LastWords {
        ending,
        message,
        file,
        line,
    } = last;
    match ending {
        Ending::Error => CallError::GuestError {
            capsule,
            message,
            file,
            line,
        },
        Ending::Panic => {
            let function = absent::is_of_std(&file)
                .then(|| trace.of_the_author().first().cloned())
                .flatten();
            let (file, line) = match function {
                Some(_) => (String::new(), 0),
                None => (file, line),
            };
            CallError::Panic {
                capsule,
                message,
                file,
                line,
                function,
                trace,
            }
        }
    }
}

enum Failure {
    Stopped(Stopped),
    Guest(wasmtime::Error),
}

fn no_export(template: &Template, entry: EntryPoint) -> CallError {
    CallError::NoExport {
        capsule: template.info.name.clone(),
        export: entry.export_name(),
    }
}
