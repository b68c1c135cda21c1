//! `astrid principal`.

use std::process::ExitCode;

use astrid_host::control::requests::{AddPrincipal, DisablePrincipal, EnablePrincipal, Principals};
use clap::Subcommand;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::table;
use crate::session::{Session, principal};

/// Add, list, disable or enable principals: on whose behalf capsules are called
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Add a principal
    Add {
        /// Its name
        name: String,
    },
    /// List the principals
    List,
    /// Refuse calls for a principal from now on
    Disable {
        /// Its name
        name: String,
    },
    /// Let a disabled principal be called for again
    Enable {
        /// Its name
        name: String,
    },
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    match &args.verb {
        Verb::Add { name } => {
            let id = principal(name)?;
            session.ask(AddPrincipal { name: id.clone() })?;
            session
                .out
                .result(&json!({ "added": id }), format!("principal {id} is added"));
        }
        Verb::Disable { name } => {
            let id = principal(name)?;
            session.ask(DisablePrincipal { name: id.clone() })?;
            session.out.result(
                &json!({ "disabled": id }),
                format!("principal {id} is disabled"),
            );
        }
        Verb::Enable { name } => {
            let id = principal(name)?;
            session.ask(EnablePrincipal { name: id.clone() })?;
            session.out.result(
                &json!({ "enabled": id }),
                format!("principal {id} is enabled"),
            );
        }
        Verb::List => {
            let all = session.ask(Principals {})?;
            let rows = all.iter().map(|principal| {
                let state = if principal.enabled {
                    "enabled"
                } else {
                    "disabled"
                };
                [principal.name.to_string(), state.to_owned()]
            });
            session
                .out
                .result(&json!(all), table(["NAME", "STATE"], rows));
        }
    }
    Ok(DONE)
}
