//! `astrid publish`.

use std::process::ExitCode;
use std::time::Duration;

use astrid_host::PrincipalId;
use astrid_host::dispatch::{Conclusion, Event, Outcome, Said, Step};
use serde_json::{Value, json};

use crate::failure::{DONE, Failure, REFUSED};
use crate::output::{clean, table, verdict};
use crate::payload;
use crate::session::{Session, principal};

/// How long observers, and what handlers published themselves, may take once the outcome is known.
const AFTERWARDS: Duration = Duration::from_secs(60);

/// Publish an event to the installed capsules, and print its outcome and who was asked
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The event's topic, such as user.v1.prompt
    topic: String,
    /// What it says: JSON, @FILE, or - for stdin
    #[arg(
        long,
        default_value = "{}",
        value_name = "JSON|@FILE|-",
        allow_hyphen_values = true
    )]
    payload: String,
    /// On whose behalf
    #[arg(long, default_value = "default", value_name = "P")]
    principal: String,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let principal = principal(&args.principal)?;
    let event = Event::raw(&args.topic, payload::read(&args.payload)?)?;
    let outcome = session.with_all_capsules(&principal, async |host| {
        let outcome = host.dispatch(event.by(&principal)).await?;
        if !host.drain(AFTERWARDS).await {
            session
                .out
                .warning("what was published in turn has not been handled to its end");
        }
        Ok(outcome)
    })?;
    Ok(show(session, &principal, &outcome))
}

fn show(session: &Session, principal: &PrincipalId, outcome: &Outcome) -> ExitCode {
    let word = match outcome.verdict {
        Conclusion::Continue => "continue",
        Conclusion::Final => "final",
        Conclusion::Deny => "deny",
    };
    // The answer where there is one, else what the chain made of the event.
    let payload = outcome.answer.as_deref();
    let payload = payload.unwrap_or(outcome.payload.as_str());
    let steps: Vec<_> = outcome.steps.iter().map(step).collect();
    let document = json!({
        "topic": outcome.topic.as_str(), "principal": principal.as_str(), "verdict": word,
        "payload": serde_json::from_str(payload).unwrap_or_else(|_| json!(payload)),
        "reason": outcome.reason, "steps": steps,
    });
    let said = outcome.reason.as_deref().unwrap_or(payload);
    let mut text = format!("{} {}", verdict(word), clean(said));
    if outcome.steps.is_empty() {
        text.push_str("\nno installed capsule handles it");
    } else {
        let rows = outcome.steps.iter().map(|step| {
            let (said, error) = said_of(step);
            [
                step.capsule.to_string(),
                step.action.to_string(),
                said.to_owned(),
                format!("{} us", step.elapsed.as_micros()),
                error.unwrap_or_default().to_owned(),
            ]
        });
        text.push('\n');
        text.push_str(&table(["CAPSULE", "HANDLER", "SAID", "TOOK", ""], rows));
    }
    session.out.result(&document, text);
    if outcome.verdict == Conclusion::Deny {
        ExitCode::from(REFUSED)
    } else {
        DONE
    }
}

fn step(step: &Step) -> Value {
    let (said, error) = said_of(step);
    json!({
        "capsule": step.capsule.as_str(), "action": &*step.action, "verdict": said, "error": error,
        "elapsed_us": u64::try_from(step.elapsed.as_micros()).unwrap_or(u64::MAX),
    })
}

/// A handler's verdict in a word, and what is to be said about it.
fn said_of(step: &Step) -> (&str, Option<&str>) {
    match &step.said {
        Said::Continue => ("continue", None),
        Said::Rewrite => ("rewrite", None),
        Said::Final => ("final", None),
        Said::Deny(reason) => ("deny", reason.as_deref()),
        Said::Failed(failure) => ("failed", Some(&failure.text)),
        Said::Running => ("running", None),
    }
}
