//! `astrid call`.

use std::process::ExitCode;

use astrid_host::control::requests::CallTool;
use astrid_host::escape;
use astrid_host::payload::Payload;
use serde::Serialize;

use crate::failure::{DONE, Failure};
use crate::payload;
use crate::session::{Session, principal};

/// Call a tool that an installed capsule offers, and print what it answers
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The tool
    tool: String,
    /// Its arguments, an object that fits its schema: JSON, @FILE, or - for stdin
    #[arg(
        long,
        default_value = "{}",
        value_name = "JSON|@FILE|-",
        allow_hyphen_values = true
    )]
    arguments: String,
    /// On whose behalf
    #[arg(long, default_value = "default", value_name = "P")]
    principal: String,
}

#[derive(Serialize)]
struct Document<'a> {
    tool: &'a str,
    principal: &'a str,
    content: &'a Payload,
    is_error: bool,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let principal = principal(&args.principal)?;
    let arguments = payload::read(&args.arguments)?;
    let answer = session.ask(CallTool::new(&args.tool, arguments, &principal)?)?;
    let document = Document {
        tool: &args.tool,
        principal: &args.principal,
        content: &answer.content,
        is_error: answer.is_error,
    };
    let text = answer.content.read::<String>();
    let text = text.unwrap_or_else(|_| answer.content.to_string());
    session.out.result(&document, escape::lines(&text));
    Ok(if answer.is_error {
        ExitCode::FAILURE
    } else {
        DONE
    })
}
