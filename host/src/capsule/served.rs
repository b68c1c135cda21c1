//! A call that its circuit let through, until it is known how it ended: whether that counts against the capsule, and
//! what is written down of it.

use std::time::{Duration, Instant};

use super::circuit::Attempt;
use super::instance::Failed;
use super::load::LoadedCapsule;
use super::reports::and_others;
use super::request::Request;
use super::tenant::Tenant;
use super::{CallError, Ceilings};
use crate::call::TraceId;
use crate::storage::LogLevel;

/// A call under way. Dropped without a word it was given up, which is no failure, unless its guest had all of the time
/// that its own manifest allows the handler.
pub(super) struct Served<'a> {
    capsule: &'a LoadedCapsule,
    tenant: &'a Tenant,
    action: &'a str,
    trace: TraceId,
    /// None once it is known how the call ended.
    attempt: Option<Attempt<'a>>,
    /// When its guest was entered.
    began: Instant,
    /// What its manifest allows the handler, and when that is over.
    own_time: Option<(Duration, Instant)>,
}

impl<'a> Served<'a> {
    /// A call whose guest is about to be entered. `trace` names it, unless an event does.
    pub(super) fn new(
        capsule: &'a LoadedCapsule,
        tenant: &'a Tenant,
        request: &Request<'a>,
        attempt: Attempt<'a>,
        trace: TraceId,
        began: Instant,
    ) -> Self {
        Self {
            capsule,
            tenant,
            action: request.action,
            trace: request.event.map_or(trace, |event| event.trace),
            attempt: Some(attempt),
            began,
            own_time: request
                .event
                .and_then(|event| event.own_time.zip(event.deadline)),
        }
    }

    /// The guest answered, with a verdict.
    pub(super) fn succeeded(mut self) {
        if let Some(attempt) = self.attempt.take() {
            attempt.succeeded();
        }
    }

    /// It gave no answer. The capsule itself may use `own` in each call.
    pub(super) fn failed(mut self, failed: Failed, own: Ceilings) -> CallError {
        let Failed { error, starved } = failed;
        let attempt = self.attempt.take();
        // What was ended with its capsule or with the host didn't fail.
        if !matches!(error, CallError::Unloaded { .. }) {
            let counts = !starved && error.is_own_failure(own);
            self.end(
                attempt.filter(|_| counts),
                error.kind().as_str(),
                &error.to_string(),
            );
        }
        error
    }

    /// Writes a failure down, and counts it where it is the capsule's own.
    fn end(&self, own: Option<Attempt<'_>>, kind: &str, text: &str) {
        let (capsule, scope) = (self.capsule, &self.tenant.scope);
        let principal = &scope.principal.id;
        let pause = own.and_then(|attempt| attempt.failed(text));
        if let Some(pause) = pause {
            capsule.tell_open(principal, text, pause);
        }
        let pause = pause.map(|pause| {
            format!(
                "; it is not called for {principal} for {:.1} s",
                pause.as_secs_f64()
            )
        });
        let pause = pause.unwrap_or_default();
        let (action, TraceId(trace)) = (self.action, self.trace);
        if let Some(others) = self.tenant.reports.admit() {
            let line = format!(
                "handler {action:?} failed for {principal}: {kind} (trace {trace:x}): {text}{pause}{}",
                and_others(others)
            );
            scope.report(LogLevel::Error, line);
        }
        // Where a host makes a call or two, whoever asked for them is told.
        if !capsule.environment.blocking.inline
            && let Some(others) = capsule.reports.admit()
        {
            tracing::warn!(
                capsule = %capsule.info.name, handler = action, principal = %principal, kind,
                trace = format_args!("{trace:x}"), error = text,
                "a call failed{pause}{}", and_others(others)
            );
        }
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        if let Some((time, over)) = self.own_time
            && Instant::now() >= over
            // Its guest had nearly all of it: it did not wait for an instance.
            && self.began.elapsed() >= time.mul_f64(0.9)
        {
            let name = &self.capsule.info.name;
            let text = format!(
                "capsule {name} did not answer within the {time:?} that its manifest allows the handler"
            );
            self.end(Some(attempt), "timeout", &text);
        }
    }
}
