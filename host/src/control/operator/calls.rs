//! Calls: of handlers, by events, and of tools.

use std::time::Duration;

use super::{Operator, warn};
use crate::capsule::Capsule;
use crate::control::message::Ask;
use crate::control::problem::Problem;
use crate::control::remark::{Heard, MissingHome, Place, Remark, Remarks};
use crate::control::requests::{
    CallTool, Invoke, Invoked, Publish, Published, PublishedStep, Tools, micros,
};
use crate::dispatch::{Conclusion, Event, HandlerFailure, Outcome, Said, Step};
use crate::names::CapsuleName;
use crate::package::Package;
use crate::text::cut;
use crate::tools::{Tool, ToolAnswer};

/// How long observers, and what handlers published themselves, may take once an event's outcome is known, where the host
/// ends with it.
const AFTERWARDS: Duration = Duration::from_secs(60);
/// Most handlers that are told of one event; what each said has at most 1 KiB in the trace.
const STEPS: usize = 1_024;
/// Most bytes of the reason for which an event is denied; that of a handler is shorter.
const REASON: usize = 32 * 1024;
/// How long a capsule that has to be loaded for a call may take to end what an earlier load of it was doing.
pub(super) const DRAIN: Duration = Duration::from_secs(10);

impl Operator {
    /// An installed capsule, loaded now if it isn't. What is deprecated in its manifest is remarked.
    async fn capsule(
        &self,
        name: &CapsuleName,
        remarks: &impl Remarks,
    ) -> Result<Capsule, Problem> {
        let of_package = |error| Problem::of_package(&self.home, error);
        let host = match self.run() {
            Some(running) => &running.host,
            None => {
                let of = name.clone();
                let package = self.in_bulk(move |home| Package::installed(home, &of));
                let package = package.await?.map_err(of_package)?;
                warn(package.warnings(), remarks).await;
                return Ok(self.any_host().await?.load(package).await?);
            }
        };
        let capsule = match host.capsule(name) {
            Some(capsule) => capsule,
            // It failed, and says so again unless it was mended meanwhile.
            None => self.loaded(host, name).await?,
        };
        warn(capsule.warnings(), remarks).await;
        Ok(capsule)
    }
}

impl Ask for Invoke {
    type Reply = Invoked;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    fn place(&self) -> Place {
        Place::Call
    }

    fn heard(&self) -> Option<Heard> {
        Some(Heard {
            principal: self.principal.clone(),
            capsule: Some(self.capsule.clone()),
        })
    }

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<Invoked, Problem> {
        let call = self.call()?;
        let host = by.any_host().await?;
        by.known(&self.principal)?;
        let capsule = by.capsule(&self.capsule, remarks).await?;
        let reply = host.invoke(&capsule, call).await?;
        Ok(reply.into())
    }
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

impl Ask for Tools {
    type Reply = Vec<Tool>;

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

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<Vec<Tool>, Problem> {
        by.any_host().await?;
        by.known(&self.principal)?;
        let host = by.full_host(remarks).await?;
        Ok(host.tools(&self.principal).await)
    }
}

impl Ask for CallTool {
    type Reply = ToolAnswer;

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

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<ToolAnswer, Problem> {
        let arguments = self.payload()?;
        by.any_host().await?;
        by.known(&self.principal)?;
        let host = by.full_host(remarks).await?;
        let answer = host.call_tool(&self.tool, &arguments, &self.principal);
        Ok(answer.await?)
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
