//! `astrid publish`.

use std::process::ExitCode;

use astrid_host::control::requests::{Publish, Published, PublishedStep};
use astrid_host::dispatch::Event;
use astrid_host::escape;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::failure::{DONE, Failure, REFUSED};
use crate::output::{table, verbatim, verdict};
use crate::payload;
use crate::session::{Session, principal};

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

#[derive(Serialize)]
struct Document<'a> {
    topic: &'a str,
    principal: &'a str,
    verdict: &'a str,
    payload: Box<RawValue>,
    reason: Option<&'a str>,
    steps: &'a [PublishedStep],
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let principal = principal(&args.principal)?;
    let event = Event::raw(&args.topic, payload::read(&args.payload)?)?;
    let published = session.ask(Publish::new(event, &principal))?;
    Ok(show(session, args, &published))
}

fn show(session: &Session, args: &Args, published: &Published) -> ExitCode {
    let (word, payload) = (published.verdict.as_ref(), published.payload.as_str());
    let document = Document {
        topic: &args.topic,
        principal: &args.principal,
        verdict: word,
        payload: verbatim(payload),
        reason: published.reason.as_deref(),
        steps: &published.steps,
    };
    let said = published.reason.as_deref().unwrap_or(payload);
    let mut text = format!("{} {}", verdict(word), escape::line(said));
    if published.steps.is_empty() {
        text.push_str("\nno installed capsule handles it");
    } else {
        let rows = published.steps.iter().map(|step| {
            [
                step.capsule.to_string(),
                step.action.clone(),
                step.verdict.to_string(),
                format!("{} us", step.elapsed_us),
                step.error.clone().unwrap_or_default(),
            ]
        });
        text.push('\n');
        text.push_str(&table(["CAPSULE", "HANDLER", "SAID", "TOOK", ""], rows));
    }
    session.out.result(&document, text);
    for step in &published.steps {
        if step.verdict == "skipped" {
            let PublishedStep {
                capsule,
                action,
                error,
                ..
            } = step;
            session.out.warning(format!(
                "handler {} of {capsule} was not asked: {}",
                escape::line(action),
                escape::line(error.as_deref().unwrap_or_default())
            ));
        }
    }
    if word == "deny" {
        ExitCode::from(REFUSED)
    } else {
        DONE
    }
}
