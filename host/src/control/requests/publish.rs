//! Publishes an event, and tells what came of it.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Ask, micros};
use crate::control::operator::Operator;
use crate::control::problem::Problem;
use crate::control::remark::{Heard, MissingHome, Place, Remark, Remarks};
use crate::dispatch::{Conclusion, Event, HandlerFailure, Outcome, Said, Step};
use crate::events::EventDraft;
use crate::names::{CapsuleName, PrincipalId};
use crate::text::cut;

/// How long observers, and what handlers published themselves, may take once an event's outcome is known, where the host
/// ends with it.
const AFTERWARDS: Duration = Duration::from_secs(60);

/// Most handlers that are told of one event; what each said has at most 1 KiB in the trace.
const STEPS: usize = 1_024;

/// Most bytes of the reason for which an event is denied; that of a handler is shorter.
const REASON: usize = 32 * 1024;

/// Publishes an event, and waits for its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// Its topic.
    pub topic: String,
    /// What it says: JSON.
    pub payload: String,
    /// On whose behalf.
    pub principal: PrincipalId,
}

impl Publish {
    /// This event.
    pub fn new(event: EventDraft, principal: &PrincipalId) -> Self {
        let (topic, payload) = event.into_parts();
        Self {
            topic: topic.as_str().to_owned(),
            payload: payload.as_str().to_owned(),
            principal: principal.clone(),
        }
    }
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// `continue`, `final` or `deny`.
    pub verdict: Cow<'static, str>,
    /// The answer where there is one, else what the chain made of the payload.
    pub payload: String,
    /// Why it is denied; at most 32 KiB.
    pub reason: Option<String>,
    /// Who was asked, in order; the first 1,024.
    pub steps: Vec<PublishedStep>,
}

/// A handler of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedStep {
    /// Its capsule.
    pub capsule: CapsuleName,
    /// Its name.
    pub action: String,
    /// `continue`, `rewrite`, `final`, `deny`, `failed`, `skipped` (it kept failing, and isn't called) or `running`.
    pub verdict: Cow<'static, str>,
    /// What is to be said about it: why it denies, or how it failed; cut beyond 1 KiB.
    pub error: Option<String>,
    /// From when it was called until it answered, in microseconds.
    pub elapsed_us: u64,
}

impl Ask for Publish {
    type Reply = Published;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    fn place(&self) -> Place {
        Place::Call
    }

    fn heard(&self) -> Option<Heard> {
        Some(Heard {
            principal: self.principal.clone(),
            capsule: None,
        })
    }

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<Published, Problem> {
        let event = Event::raw(&self.topic, self.payload)?.by(&self.principal);
        by.any_host().await?;
        by.known(&self.principal)?;
        let host = by.full_host(remarks).await?;
        let outcome = host.dispatch(event).await?;
        if by.run().is_none() && !host.drain(AFTERWARDS).await {
            let warning = "what was published in turn has not been handled to its end";
            remarks.remark(Remark::Warning(warning.into())).await;
        }
        let more = outcome.steps.len().saturating_sub(STEPS);
        if more > 0 {
            let warning = format!("{more} more handlers were asked than are shown");
            remarks.remark(Remark::Warning(warning)).await;
        }
        Ok(published(outcome))
    }
}

/// An outcome as it crosses a socket: in one frame, whatever handlers say.
fn published(outcome: Outcome) -> Published {
    let verdict = match outcome.verdict {
        Conclusion::Continue => "continue",
        Conclusion::Final => "final",
        Conclusion::Deny => "deny",
    };
    let payload = outcome.answer;
    Published {
        verdict: verdict.into(),
        payload: payload.unwrap_or_else(|| outcome.payload.as_str().to_owned()),
        reason: outcome.reason.map(|reason| cut(reason, REASON)),
        steps: outcome.steps.into_iter().take(STEPS).map(step).collect(),
    }
}

fn step(step: Step) -> PublishedStep {
    let (verdict, error) = match step.said {
        Said::Continue => ("continue", None),
        Said::Rewrite => ("rewrite", None),
        Said::Final => ("final", None),
        Said::Deny(reason) => ("deny", reason),
        Said::Failed(failure) if failure.kind == HandlerFailure::CIRCUIT_OPEN => {
            ("skipped", Some(failure.text))
        }
        Said::Failed(failure) => ("failed", Some(failure.text)),
        Said::Running => ("running", None),
    };
    PublishedStep {
        capsule: step.capsule.as_ref().clone(),
        action: step.action.as_ref().to_owned(),
        verdict: verdict.into(),
        error,
        elapsed_us: micros(step.elapsed),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bus::Payload;
    use crate::call::{MAX_PAYLOAD, TraceId};
    use crate::control::message::{Answer, seal};
    use crate::manifest::Mode;
    use crate::topic::Topic;

    #[test]
    fn what_came_of_an_event_fits_a_frame_whatever_its_handlers_say() {
        // Six bytes for one, as JSON.
        let worst = "\u{1}".repeat(MAX_PAYLOAD);
        let payload = format!("\"{}\"", "\\\"".repeat((MAX_PAYLOAD - 2) / 2));
        let step = Step {
            capsule: Arc::new(CapsuleName::parse(&"c".repeat(64)).expect("a name")),
            action: "\u{1}".repeat(256).into(),
            mode: Mode::Observe,
            said: Said::Deny(Some("\u{1}".repeat(1_100))),
            elapsed: Duration::MAX,
        };
        for (verdict, answer, reason) in [
            (Conclusion::Final, Some(worst.clone()), None),
            (Conclusion::Deny, None, Some(worst)),
        ] {
            let outcome = Outcome {
                topic: Arc::new(Topic::parse("a.b").expect("a topic")),
                verdict,
                payload: Payload::parse(payload.clone()).expect("JSON"),
                answer,
                reason,
                steps: vec![step.clone(); 5_000],
                trace: TraceId(0),
            };
            let published = published(outcome);
            assert_eq!(published.steps.len(), STEPS);
            let reason = published.reason.as_deref();
            assert!(reason.is_none_or(|reason| reason.ends_with(" … (1048576 bytes, cut)")));
            let reply = serde_json::value::to_raw_value(&published).expect("a document");
            seal(&Answer::Done(reply)).expect("a frame");
        }
    }
}
