//! `astrid invoke`.

use std::process::ExitCode;
use std::time::Duration;

use astrid_cli::authoring::check_prints;
use astrid_host::control::requests::{Invoke, Invoked};
use astrid_host::home::Home;
use astrid_host::manifest::CapsuleName;
use astrid_host::principal::Principals;
use astrid_host::{Call, InstanceState, PrincipalId, escape};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::duration::duration;
use crate::failure::{DONE, Failure, REFUSED};
use crate::output::{bytes, verbatim, verdict};
use crate::payload;
use crate::session::{Session, known_principal, principal};
use crate::signals;
use crate::sources::Source;

/// Call a handler of a capsule and print its verdict
#[derive(clap::Args)]
pub(crate) struct Args {
    /// An installed capsule, or a folder: that is built and called in a throw-away home
    #[arg(value_name = "CAPSULE|DIR")]
    target: String,
    /// The handler
    action: String,
    /// What it is given: JSON, @FILE, or - for stdin
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
    /// How long it may take, such as 500ms or 2s; at most what the capsule may
    #[arg(long, value_name = "T", value_parser = duration)]
    timeout: Option<Duration>,
}

#[derive(Serialize)]
struct Document<'a> {
    capsule: &'a CapsuleName,
    action: &'a str,
    principal: &'a str,
    verdict: &'a str,
    data: Option<Box<RawValue>>,
    reason: Option<&'a str>,
    elapsed_us: u64,
    memory_peak: usize,
    instance: InstanceState,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let principal = principal(&args.principal)?;
    let payload = payload::read(&args.payload)?;
    // What can't be called is said before anything is looked for.
    let call = Call::raw(args.action.as_str(), payload)?;
    let home = session.look()?;
    // Asked before anything is built for it.
    known_principal(&home, &principal)?;
    let (name, reply) = match Source::find(&home, &args.target)? {
        Source::Installed(name) => {
            let ask = Invoke::new(name.clone(), call, &principal, args.timeout);
            (name, session.ask(ask)?)
        }
        source => {
            let package = source.package(session, &home)?.package;
            for warning in package.warnings() {
                session.out.warning(warning);
            }
            if let Some(finding) = check_prints(package.component()) {
                session.out.warning(finding.message);
            }
            let mut call = call.by(&principal);
            if let Some(timeout) = args.timeout {
                call = call.within(timeout);
            }
            let name = package.manifest().name().clone();
            let reply = session.with_host(throw_away(&principal)?, async |host| {
                let alone = host.home().lock_exclusive()?;
                host.install(&alone, package.clone(), &args.target, &principal)
                    .await?;
                let capsule = host.load(package).await?;
                Ok(host.invoke(&capsule, call).await?)
            })?;
            (name, reply.into())
        }
    };
    Ok(show(session, args, &name, &reply))
}

/// A home that is gone afterwards, with the one principal that is called for.
fn throw_away(principal: &PrincipalId) -> Result<Home, Failure> {
    signals::remove_temporaries();
    let home = Home::ephemeral()?;
    if *principal != PrincipalId::default_principal() {
        Principals::new(home.clone()).add(principal)?;
    }
    Ok(home)
}

fn show(session: &Session, args: &Args, name: &CapsuleName, reply: &Invoked) -> ExitCode {
    let word = reply.verdict.as_ref();
    let document = Document {
        capsule: name,
        action: &args.action,
        principal: &args.principal,
        verdict: word,
        data: reply.data.as_deref().map(verbatim),
        reason: reply.reason.as_deref(),
        elapsed_us: reply.elapsed_us,
        memory_peak: reply.memory_peak,
        instance: reply.instance,
    };
    let said = reply.data.as_deref().or(reply.reason.as_deref());
    let said = said.map(escape::line).unwrap_or_default();
    session
        .out
        .result(&document, format!("{} {said}", verdict(word)).trim_end());
    let instance = match reply.instance {
        InstanceState::Fresh => "fresh",
        InstanceState::Reused => "reused",
    };
    session.out.note(format!(
        "{name} {} for {}: {} us, {}, {instance} instance",
        escape::line(&args.action),
        args.principal,
        reply.elapsed_us,
        bytes(reply.memory_peak as u64),
    ));
    if word == "deny" {
        ExitCode::from(REFUSED)
    } else {
        DONE
    }
}
