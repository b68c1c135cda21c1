//! `astrid invoke`.

use std::process::ExitCode;
use std::time::Duration;

use astrid_host::home::Home;
use astrid_host::principal::Principals;
use astrid_host::{Call, Host, Package, PrincipalId, Reply, Verdict};
use serde_json::{Value, json};

use crate::failure::{DONE, Failure, REFUSED};
use crate::output::{bytes, clean, verdict};
use crate::payload;
use crate::session::{Session, known_principal, principal};
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

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let principal = principal(&args.principal)?;
    let mut call = Call::raw(args.action.as_str(), payload::read(&args.payload)?)?.by(&principal);
    if let Some(timeout) = args.timeout {
        call = call.within(timeout);
    }
    let home = session.home()?;
    let _lock = home.lock_shared()?;
    // Asked before anything is built for it.
    known_principal(&home, &principal)?;
    let source = Source::find(&home, &args.target)?;
    let package = source.package(session, &home)?;
    for warning in package.warnings() {
        session.out.warning(warning);
    }
    let name = package.manifest().name().to_string();
    let reply = match source {
        Source::Installed(_) => {
            session.with_host(home, async |host| answer(host, package, call).await)
        }
        _ => {
            let home = throw_away(&principal)?;
            session.with_host(home, async |host| {
                let alone = host.home().lock_exclusive()?;
                host.install(&alone, package.clone(), &args.target, &principal)
                    .await?;
                answer(host, package, call).await
            })
        }
    }?;
    Ok(show(session, args, &name, &reply))
}

async fn answer(host: &Host, package: Package, call: Call) -> Result<Reply, Failure> {
    let capsule = host.load(package).await?;
    Ok(host.invoke(&capsule, call).await?)
}

/// A home that is gone afterwards, with the one principal that is called for.
fn throw_away(principal: &PrincipalId) -> Result<Home, Failure> {
    let home = Home::ephemeral()?;
    if *principal != PrincipalId::default_principal() {
        Principals::new(home.clone()).add(principal)?;
    }
    Ok(home)
}

fn show(session: &Session, args: &Args, name: &str, reply: &Reply) -> ExitCode {
    let (word, data, reason) = match &reply.verdict {
        Verdict::Continue(data) => ("continue", data.as_deref(), None),
        Verdict::Final(data) => ("final", data.as_deref(), None),
        Verdict::Deny(reason) => ("deny", None, reason.as_deref()),
    };
    let elapsed = u64::try_from(reply.elapsed.as_micros()).unwrap_or(u64::MAX);
    let document = json!({
        "capsule": name, "action": args.action, "principal": args.principal, "verdict": word,
        "data": data.map(parsed), "reason": reason, "elapsed_us": elapsed, "memory_peak": reply.memory_peak,
        "instance": reply.instance,
    });
    let said = data.or(reason).map(clean).unwrap_or_default();
    session
        .out
        .result(&document, format!("{} {said}", verdict(word)).trim_end());
    let instance = document["instance"].as_str().unwrap_or_default();
    session.out.note(format!(
        "{name} {} for {}: {elapsed} us, {}, {instance} instance",
        clean(&args.action),
        args.principal,
        bytes(reply.memory_peak as u64),
    ));
    if word == "deny" {
        ExitCode::from(REFUSED)
    } else {
        DONE
    }
}

/// A guest's data as a document, or as a string if it is none.
fn parsed(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or_else(|_| json!(data))
}

/// `500ms`, `2s`, `1m 30s`: jiff's friendly form, and plain seconds.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let duration: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "a duration is written like 500ms, 2s or 1m".to_owned())?;
    Duration::try_from(duration).map_err(|_| "a duration can't be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        assert!(duration("soon").is_err() && duration("-2s").is_err());
    }
}
