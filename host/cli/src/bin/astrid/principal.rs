//! `astrid principal`.

use std::process::ExitCode;

use astrid_host::control::requests::{
    AddPrincipal, DisablePrincipal, EnablePrincipal, ListedPrincipal, Principals,
};
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
            let text = table(["NAME", "STATE", ""], all.iter().map(row));
            session.out.result(&json!(all), text);
        }
    }
    Ok(DONE)
}

/// A principal, how it is, and where it is damaged: what is wrong there is in the document.
fn row(principal: &ListedPrincipal) -> [String; 3] {
    let state = match &principal.error {
        Some(_) => "damaged",
        None if principal.enabled => "enabled",
        None => "disabled",
    };
    let message = principal.error.as_ref().map(|error| error.message.as_str());
    let place = message.and_then(|message| message.lines().next());
    [
        principal.name.to_string(),
        state.to_owned(),
        place.unwrap_or_default().to_owned(),
    ]
}
