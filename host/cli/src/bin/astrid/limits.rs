//! `astrid limits`.

use std::process::ExitCode;

use astrid_host::BuildError;
use astrid_host::config::HostConfig;
use astrid_host::limits::{Limit, TABLE};
use serde_json::{Value, json};

use crate::failure::{DONE, Failure};
use crate::output::table;
use crate::session::Session;

/// Show every limit on what capsules, callers and files may use, and what this home has set
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only those of areas that begin so, such as `calls`
    area: Option<String>,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let config = HostConfig::read(&session.look()?).map_err(BuildError::from)?;
    let wanted = args.area.as_deref().unwrap_or_default().to_lowercase();
    let limits: Vec<&Limit> = TABLE
        .iter()
        .filter(|limit| limit.area.to_lowercase().starts_with(&wanted))
        .collect();
    if limits.is_empty() {
        let mut areas: Vec<_> = TABLE
            .iter()
            .map(|limit| limit.area.to_lowercase())
            .collect();
        areas.dedup();
        let message = format!("no area of limits begins with {wanted:?}");
        let hint = format!("there are: {}", areas.join(", "));
        return Err(Failure::usage(message).hint(hint));
    }
    let documents: Vec<_> = limits
        .iter()
        .map(|limit| document(&config, limit))
        .collect();
    let rows = limits.iter().map(|limit| row(&config, limit));
    let text = table(["AREA", "LIMIT", "VALUE", "KEY"], rows);
    session.out.result(&json!(documents), text);
    Ok(DONE)
}

fn document(config: &HostConfig, limit: &Limit) -> Value {
    json!({
        "area": limit.area, "name": limit.name, "what": limit.what.trim(), "source": limit.source,
        "default": limit.amount, "amount": config.amount(limit), "key": limit.key,
    })
}

fn row(config: &HostConfig, limit: &Limit) -> [String; 4] {
    let amount = config.amount(limit);
    let set = if amount == limit.amount { "" } else { " (set)" };
    [
        limit.area.to_owned(),
        limit.what().to_owned(),
        format!("{amount}{set}"),
        limit.key.unwrap_or_default().to_owned(),
    ]
}
