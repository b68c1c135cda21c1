//! `astrid kv`.

use std::process::ExitCode;

use astrid_host::control::requests::{KvGet, KvList, KvPage, KvRemove, KvSet, KvValue};
use astrid_host::escape;
use clap::Subcommand;
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::output::bytes;
use crate::payload;
use crate::session::{Session, capsule, principal};
use crate::stdout;

/// Show and change what a capsule keeps for a principal
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Args)]
struct Whose {
    /// The capsule; it need not be installed any more
    capsule: String,
    /// For whom it keeps it
    #[arg(long, default_value = "default", value_name = "P")]
    principal: String,
}

#[derive(Subcommand)]
enum Verb {
    /// List the keys with the sizes of their values
    List {
        #[command(flatten)]
        whose: Whose,
        /// Only keys that begin with this
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Print a value: as text, or as hexadecimal digits where it is none
    Get {
        #[command(flatten)]
        whose: Whose,
        /// The key
        key: String,
        /// Write the bytes as they are, without the end of a line
        #[arg(long, conflicts_with = "json")]
        raw: bool,
    },
    /// Write a value
    Set {
        #[command(flatten)]
        whose: Whose,
        /// The key
        key: String,
        /// The value: a text, @FILE, or - for stdin
        #[arg(value_name = "VALUE|@FILE|-", allow_hyphen_values = true)]
        value: String,
        /// The value is hexadecimal digits
        #[arg(long)]
        hex: bool,
    },
    /// Remove a key
    Remove {
        #[command(flatten)]
        whose: Whose,
        /// The key
        key: String,
    },
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    match &args.verb {
        Verb::List { whose, prefix } => list(session, whose, prefix),
        Verb::Get { whose, key, raw } => get(session, whose, key, *raw),
        Verb::Set {
            whose,
            key,
            value,
            hex,
        } => set(session, whose, key, value, *hex),
        Verb::Remove { whose, key } => {
            session.ask(KvRemove {
                capsule: capsule(&whose.capsule)?,
                principal: principal(&whose.principal)?,
                key: key.clone(),
            })?;
            let text = format!("{} is removed", escape::line(key));
            session.out.result(&json!({ "removed": key }), text);
            Ok(DONE)
        }
    }
}

fn list(session: &Session, whose: &Whose, prefix: &str) -> Result<ExitCode, Failure> {
    let mut ask = KvList {
        capsule: capsule(&whose.capsule)?,
        principal: principal(&whose.principal)?,
        prefix: prefix.to_owned(),
        cursor: None,
    };
    let mut all = Vec::new();
    let mut count = 0_usize;
    loop {
        let KvPage { keys, next_cursor } = session.ask(ask.clone())?;
        count += keys.len();
        if session.out.is_json() {
            all.extend(keys);
        } else {
            // As they come: there may be millions.
            for key in keys {
                let size = bytes(key.size);
                session
                    .out
                    .line(format!("{size:>10}  {}", escape::line(&key.key)));
            }
        }
        match next_cursor {
            Some(cursor) if stdout::unwritten().is_none() => ask.cursor = Some(cursor),
            _ => break,
        }
    }
    if session.out.is_json() {
        session.out.document(&json!(all));
    } else if count == 0 {
        let (capsule, principal) = (&ask.capsule, &ask.principal);
        let what = if prefix.is_empty() {
            "nothing".to_owned()
        } else {
            format!("no key that begins with {}", escape::line(prefix))
        };
        session
            .out
            .note(format!("{capsule} keeps {what} for {principal}"));
    }
    Ok(DONE)
}

fn get(session: &Session, whose: &Whose, key: &str, raw: bool) -> Result<ExitCode, Failure> {
    let value = session.ask(KvGet {
        capsule: capsule(&whose.capsule)?,
        principal: principal(&whose.principal)?,
        key: key.to_owned(),
    })?;
    if raw {
        stdout::write(&value.into_bytes()?);
        return Ok(DONE);
    }
    let (document, text) = match &value {
        KvValue::Text(text) => (
            json!({ "key": key, "text": text, "size": text.len() }),
            escape::lines(text),
        ),
        KvValue::Hex(digits) => (
            json!({ "key": key, "hex": digits, "size": digits.len() / 2 }),
            digits.clone(),
        ),
    };
    session.out.result(&document, text);
    Ok(DONE)
}

fn set(
    session: &Session,
    whose: &Whose,
    key: &str,
    value: &str,
    hex: bool,
) -> Result<ExitCode, Failure> {
    let given = payload::read(value)?;
    let value = match KvValue::of(given) {
        KvValue::Text(digits) if hex => KvValue::Hex(digits.trim_end().to_owned()),
        value => value,
    };
    session.ask(KvSet {
        capsule: capsule(&whose.capsule)?,
        principal: principal(&whose.principal)?,
        key: key.to_owned(),
        value,
    })?;
    session.out.result(
        &json!({ "set": key }),
        format!("{} is set", escape::line(key)),
    );
    Ok(DONE)
}
