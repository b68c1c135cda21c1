//! `astrid logs`.

use std::process::ExitCode;

use astrid_host::control::requests::Logs;
use astrid_host::control::{Remark, Remarks};
use astrid_host::storage::LogRecord;
use parking_lot::Mutex;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::{Output, log_line};
use crate::session::{Session, capsule, principal};

/// Show what a capsule has logged for a principal
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one
    capsule: String,
    /// Go on showing lines as they come, until Ctrl-C
    #[arg(short, long, conflicts_with = "json")]
    follow: bool,
    /// For whom it ran
    #[arg(long, default_value = "default", value_name = "P")]
    principal: String,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let ask = Logs {
        capsule: capsule(&args.capsule)?,
        principal: principal(&args.principal)?,
        follow: args.follow,
    };
    let printer = Printer {
        out: session.out,
        records: Mutex::default(),
    };
    session.reach(&ask)?.ask_and_print(ask, &printer)?;
    if session.out.is_json() {
        session.out.document(&json!(printer.records.into_inner()));
    }
    Ok(DONE)
}

/// Prints records as they come, or keeps them for the one document.
struct Printer {
    out: Output,
    records: Mutex<Vec<LogRecord>>,
}

impl Remarks for Printer {
    async fn remark(&self, remark: Remark) {
        match remark {
            Remark::Log(records) if self.out.is_json() => self.records.lock().extend(records),
            Remark::Log(records) => {
                for record in records {
                    self.out.line(log_line(&record));
                }
            }
            other => self.out.remark(other).await,
        }
    }
}
