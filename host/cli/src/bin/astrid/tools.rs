//! `astrid tools`.

use std::process::ExitCode;

use astrid_host::control::requests::Tools;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::table;
use crate::session::{Session, principal};

/// List the tools that the installed capsules offer to a model
#[derive(clap::Args)]
pub(crate) struct Args {
    /// To whom they are described
    #[arg(long, default_value = "default", value_name = "P")]
    principal: String,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let principal = principal(&args.principal)?;
    let tools = session.ask(Tools { principal })?;
    let text = if tools.is_empty() {
        "no installed capsule offers a tool".to_owned()
    } else {
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let rows = tools.iter().map(|tool| {
            [
                tool.name.clone(),
                tool.capsule.to_string(),
                first(&tool.description),
            ]
        });
        table(["TOOL", "CAPSULE", "DESCRIPTION"], rows)
    };
    session.out.result(&json!(tools), text);
    Ok(DONE)
}
