//! `astrid stop`.

use std::process::ExitCode;
use std::time::Duration;

use astrid_host::ErrorKind;
use astrid_host::control::LONGEST_DRAIN;
use astrid_host::control::requests::Stop;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::session::Session;

/// How much longer than what is in flight may take a host needs to end.
const MARGIN: Duration = Duration::from_secs(10);

/// Stop the host that runs on the home, and wait for its end
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(session: &Session, _args: &Args) -> Result<ExitCode, Failure> {
    let stopping = match session.ask(Stop {}) {
        // It was told before: its end is waited for.
        Err(failure)
            if failure.kind == ErrorKind::ShuttingDown
                && session.wait_for_end(LONGEST_DRAIN)? =>
        {
            let document = json!({ "stopped": null });
            session.out.result(&document, "the host has stopped");
            return Ok(DONE);
        }
        stopping => stopping?,
    };
    let (pid, drain) = (stopping.pid, Duration::from_millis(stopping.drain_ms));
    if !session.wait_for_end(drain.saturating_add(MARGIN))? {
        return Err(Failure::new(
            ErrorKind::Home,
            format!("the host was told to stop, and process {pid} is still there"),
        )
        .hint(format!("see what keeps it, or end it: kill -9 {pid}")));
    }
    session.out.result(
        &json!({ "stopped": pid }),
        format!("the host, process {pid}, has stopped"),
    );
    Ok(DONE)
}
