//! `astrid run`.

use std::process::ExitCode;
use std::time::Duration;

use astrid_host::capsule::Readiness;
use astrid_host::control::{self, Server};
use astrid_host::{Home, Host};
use serde_json::json;

use crate::duration::duration;
use crate::failure::{DONE, Failure};
use crate::session::{Session, no_event_loop};
use crate::signals::Signals;

/// How long a capsule that others import from may take to be ready before they are loaded, and then all that are loaded.
const READY: Duration = Duration::from_secs(10);
/// How long threads that wait for files may go on after the end.
const THREADS: Duration = Duration::from_millis(100);

/// Run a host on the home until Ctrl-C, SIGTERM, SIGHUP or `astrid stop`; the other commands ask it meanwhile
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long what is in flight may take once it is told to stop, such as 500ms or 2s; a second Ctrl-C cuts it short
    #[arg(long, value_name = "T", default_value = "10s", value_parser = duration)]
    drain: Duration,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.home()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(no_event_loop)?;
    let ended = runtime.block_on(host(session, args, home));
    runtime.shutdown_timeout(THREADS);
    ended.map(|()| DONE)
}

async fn host(session: &Session, args: &Args, home: Home) -> Result<(), Failure> {
    let lock = control::claim(&home).await?;
    let mut signals = Signals::new().map_err(no_event_loop)?;
    let host = session.long_lived(home).build().await?;
    let loaded = tokio::select! {
        loaded = load(session, &host) => Some(loaded?),
        _ = signals.next() => None,
    };
    let drained = match &loaded {
        Some(_) => {
            let server = Server::bind(&host, lock, args.drain)?;
            let path = server.path().display();
            session.out.note(format!("listening on {path}"));
            let stopper = server.stopper();
            let listening = tokio::spawn(async move {
                signals.next().await;
                stopper.stop();
                signals.next().await;
                stopper.cancel();
            });
            let drained = server.serve().await.drained;
            listening.abort();
            drained
        }
        None => host.shutdown(Duration::ZERO).await,
    };
    if !drained {
        session
            .out
            .warning("not everything that was in flight was done: it was cancelled");
    }
    let document = json!({ "capsules": loaded.unwrap_or_default(), "drained": drained });
    session.out.result(&document, "the host has stopped");
    Ok(())
}

/// Loads what is installed, and says what became of it; gives the names of what is loaded.
async fn load(session: &Session, host: &Host) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for (name, loaded) in host.load_all_installed(READY).await? {
        match loaded {
            Ok(capsule) => {
                let version = &capsule.manifest().package.version;
                let what = match capsule.readiness() {
                    _ if !capsule.has_run_loop() => "",
                    Readiness::Ready => ", with its run loop",
                    Readiness::Timeout | Readiness::Crashed { .. } => {
                        ", and its run loop is not ready"
                    }
                };
                session
                    .out
                    .note(format!("{name} {version} is loaded{what}"));
                for warning in capsule.warnings() {
                    session.out.warning(warning);
                }
                names.push(name.to_string());
            }
            // Its handlers count as failed meanwhile, as its manifest says.
            Err(error) => session.out.warning(error),
        }
    }
    if names.is_empty() {
        session.out.note("no capsule is loaded");
    }
    Ok(names)
}
