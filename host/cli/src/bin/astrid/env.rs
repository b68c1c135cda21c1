//! `astrid env`.

use std::process::ExitCode;

use astrid_host::control::requests::{ListEnv, SetEnv, UnsetEnv, Whose};
use astrid_host::env::{Setting, SettingFrom};
use clap::Subcommand;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::table;
use crate::session::{Session, capsule, principal};

/// Show and set the configuration of a capsule: the keys of [env] in its Capsule.toml
///
/// A call sees what is set for its principal, else what is set for all of them, else the default. Secrets are set with
/// `astrid secret`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// A capsule, and for whom it is configured.
#[derive(clap::Args)]
pub(crate) struct Configured {
    /// The capsule
    capsule: String,
    /// For whom
    #[arg(long, default_value = "default", value_name = "P")]
    principal: String,
    /// For all principals that have no value of their own
    #[arg(long, conflicts_with = "principal")]
    host: bool,
}

impl Configured {
    /// The same, checked.
    pub(crate) fn whose(&self) -> Result<Whose, Failure> {
        Ok(Whose {
            capsule: capsule(&self.capsule)?,
            principal: match self.host {
                true => None,
                false => Some(principal(&self.principal)?),
            },
        })
    }
}

#[derive(Subcommand)]
enum Verb {
    /// List the keys, with their values and where these come from
    List {
        #[command(flatten)]
        configured: Configured,
    },
    /// Set a value
    Set {
        #[command(flatten)]
        configured: Configured,
        /// The key
        key: String,
        /// The value; a key of the type array takes several. After `--` they may begin with a dash
        #[arg(required = true, value_name = "VALUE", allow_negative_numbers = true)]
        values: Vec<String>,
    },
    /// Remove a value, so that the next one in line is seen
    Unset {
        #[command(flatten)]
        configured: Configured,
        /// The key
        key: String,
    },
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    match &args.verb {
        Verb::List { configured } => {
            let whose = configured.whose()?;
            let settings = session.ask(ListEnv { whose })?;
            show(session, configured, &settings);
        }
        Verb::Set {
            configured,
            key,
            values,
        } => {
            session.ask(SetEnv {
                whose: configured.whose()?,
                key: key.clone(),
                values: values.clone(),
            })?;
            set(session, configured, key);
        }
        Verb::Unset { configured, key } => {
            session.ask(UnsetEnv {
                whose: configured.whose()?,
                key: key.clone(),
            })?;
            unset(session, configured, key);
        }
    }
    Ok(DONE)
}

/// Says that a key is set.
pub(crate) fn set(session: &Session, configured: &Configured, key: &str) {
    let text = format!(
        "{key} of {} is set {}",
        configured.capsule,
        whose(configured)
    );
    session.out.result(&json!({ "set": key }), text);
}

/// Says that a key is not set any more.
pub(crate) fn unset(session: &Session, configured: &Configured, key: &str) {
    let (capsule, whose) = (&configured.capsule, whose(configured));
    let text = format!("{key} of {capsule} is not set {whose} any more");
    session.out.result(&json!({ "unset": key }), text);
}

fn whose(configured: &Configured) -> String {
    match configured.host {
        true => "for all principals".to_owned(),
        false => format!("for {}", configured.principal),
    }
}

/// Lists keys.
pub(crate) fn show(session: &Session, configured: &Configured, settings: &[Setting]) {
    if settings.is_empty() && !session.out.is_json() {
        let capsule = &configured.capsule;
        return session.out.note(format!("nothing of {capsule} can be set"));
    }
    let head = ["KEY", "TYPE", "VALUE", "FROM", ""];
    let rows = settings.iter().map(|setting| row(configured, setting));
    session.out.result(&json!(settings), table(head, rows));
}

fn row(configured: &Configured, setting: &Setting) -> [String; 5] {
    let kind = setting.kind.as_deref().unwrap_or("not declared");
    let value = match (&setting.value, setting.is_secret(), setting.from) {
        (Some(value), _, _) => value.clone(),
        (None, true, Some(_)) => "(hidden)".to_owned(),
        (None, _, _) => "(not set)".to_owned(),
    };
    let from = match setting.from {
        None => String::new(),
        Some(SettingFrom::Principal) => format!("set for {}", configured.principal),
        Some(SettingFrom::Host) => "set for all".to_owned(),
        Some(SettingFrom::Default) => "Capsule.toml".to_owned(),
    };
    let description = setting.description.as_deref().unwrap_or_default();
    [&setting.key, kind, &value, &from, description].map(str::to_owned)
}
