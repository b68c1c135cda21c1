//! `astrid secret`. A value comes from stdin or a question that does not show it: a command line can be read by others.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use astrid_host::control::requests::{Hidden, ListEnv, SetSecret, UnsetSecret};
use astrid_host::env::Setting;
use astrid_host::limits::storage::SECRET_BYTES;
use clap::Subcommand;

use crate::env::{Configured, set, show, unset};
use crate::failure::{DONE, Failure};
use crate::session::Session;

/// Set the secrets of a capsule: the keys of [env] in its Capsule.toml whose type is `secret`
///
/// No command shows a secret again.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the secrets, and whether they are set
    List {
        #[command(flatten)]
        configured: Configured,
    },
    /// Set a secret: its value is read from stdin, or asked for in a terminal
    Set {
        #[command(flatten)]
        configured: Configured,
        /// The key
        key: String,
    },
    /// Remove a secret
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
            let mut settings = session.ask(ListEnv { whose })?;
            settings.retain(Setting::is_secret);
            show(session, configured, &settings);
        }
        Verb::Set { configured, key } => {
            let whose = configured.whose()?;
            session.ask(SetSecret {
                whose,
                key: key.clone(),
                value: Hidden(value(key)?),
            })?;
            set(session, configured, key);
        }
        Verb::Unset { configured, key } => {
            session.ask(UnsetSecret {
                whose: configured.whose()?,
                key: key.clone(),
            })?;
            unset(session, configured, key);
        }
    }
    Ok(DONE)
}

/// Asks for a value, or reads all of stdin but for the end of its last line.
fn value(key: &str) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("the value cannot be read: {error}"))
            .hint("give it on stdin: one line of UTF-8")
    };
    let value = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{key}: ")).map_err(unreadable)?
    } else {
        let mut text = String::new();
        // Room for the end of the line, and a byte that shows that there are more.
        let mut stdin = std::io::stdin().lock().take(SECRET_BYTES + 3);
        stdin.read_to_string(&mut text).map_err(unreadable)?;
        cut(text)
    };
    if value.is_empty() {
        return Err(Failure::usage(format!("the value of {key} is empty"))
            .hint("to remove a secret: astrid secret unset"));
    }
    Ok(value)
}

/// The text without the end of its last line.
fn cut(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_end_of_a_line_is_cut() {
        for (text, value) in [
            ("hush\n", "hush"),
            ("hush\r\n", "hush"),
            ("hush", "hush"),
            ("hush\n\n", "hush\n"),
            (" hush \n", " hush "),
            ("\n", ""),
        ] {
            assert_eq!(cut(text.to_owned()), value);
        }
    }
}
