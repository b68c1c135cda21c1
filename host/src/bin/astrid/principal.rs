//! `astrid principal`.

use std::process::ExitCode;

use astrid_host::principal::{PrincipalError, Principals};
use clap::Subcommand;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::table;
use crate::session::{Session, known_principal, principal};

/// Add, list or disable principals: on whose behalf capsules are called
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
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.home()?;
    let principals = Principals::new(home.clone());
    match &args.verb {
        Verb::Add { name } => {
            let id = principal(name)?;
            let _alone = home.lock_exclusive()?;
            principals.add(&id)?;
            session.out.result(
                &json!({ "added": id.as_str() }),
                format!("principal {id} is added"),
            );
        }
        Verb::Disable { name } => {
            let id = principal(name)?;
            let _alone = home.lock_exclusive()?;
            if let Err(PrincipalError::NotFound(_)) = principals.resolve(&id) {
                known_principal(&home, &id)?;
            }
            principals.disable(&id)?;
            session.out.result(
                &json!({ "disabled": id.as_str() }),
                format!("principal {id} is disabled"),
            );
        }
        Verb::List => {
            let _lock = home.lock_shared()?;
            let all = principals.list()?;
            let document: Vec<_> = all
                .iter()
                .map(|principal| json!({ "name": principal.id.as_str(), "enabled": principal.profile.enabled }))
                .collect();
            let rows = all.iter().map(|principal| {
                let state = if principal.profile.enabled {
                    "enabled"
                } else {
                    "disabled"
                };
                [principal.id.to_string(), state.to_owned()]
            });
            session
                .out
                .result(&json!(document), table(["NAME", "STATE"], rows));
        }
    }
    Ok(DONE)
}
