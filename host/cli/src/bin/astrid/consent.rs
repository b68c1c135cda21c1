//! What a person is shown of a package before it is installed, and the question.

use std::path::{Path, PathBuf};

use astrid_host::home::Home;
use astrid_host::package::consent::Consent;
use astrid_host::{ErrorKind, Package};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::bold;
use crate::session::Session;

/// Shows what is to be agreed to, and asks.
pub(crate) fn ask(session: &Session, consent: &Consent, question: &str) -> Result<(), Failure> {
    session.out.say(shown(consent).join("\n"));
    let answer = session.out.ask(question).map_err(|error| {
        Failure::new(ErrorKind::Io, format!("the answer cannot be read: {error}"))
    })?;
    let name = &consent.package.name;
    match answer {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::new(
            ErrorKind::Declined,
            format!("{name} is not installed"),
        )),
        None => Err(Failure::usage(format!(
            "installing {name} needs an answer, and there is no terminal to ask on"
        ))
        .hint("read what it asks for above, then pass --yes")),
    }
}

/// Shows what `--yes` agrees to, if a person would be asked about it: a log of the command tells it later.
pub(crate) fn agreed(session: &Session, consent: &Consent) {
    if consent.asks() {
        session.out.say(shown(consent).join("\n"));
    }
}

fn shown(consent: &Consent) -> Vec<String> {
    let heading = std::iter::once(bold(consent.heading()));
    let lines = consent.lines().into_iter().map(|line| format!("  {line}"));
    heading.chain(lines).collect()
}

/// A package that is not installed, compared with what is installed under its name.
pub(crate) struct Compared {
    /// As a document; null where nothing is installed.
    pub(crate) document: Value,
    /// As lines; none where nothing is installed.
    pub(crate) lines: Vec<String>,
}

impl Compared {
    /// Where there is nothing to compare with.
    pub(crate) fn nothing() -> Self {
        Self {
            document: Value::Null,
            lines: Vec::new(),
        }
    }

    /// Compares a package, found by this path, as an installation would.
    pub(crate) fn of(home: &Home, package: &Package, given: &str) -> Result<Self, Failure> {
        let from = resolved(given.as_ref()).display().to_string();
        let consent = Consent::of(home, package, &from, None)?;
        if consent.before.is_none() {
            return Ok(Self::nothing());
        }
        let mut lines = shown(&consent);
        if !consent.asks() {
            lines.push("  nothing differs that a person would be asked about".to_owned());
        }
        let document = json!({
            "before": consent.before, "changes": consent.changes, "left": consent.left, "asks": consent.asks(),
        });
        Ok(Self { document, lines })
    }
}

/// A path whose links are followed, so that a source has one name; only absolute, if it is not there.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    path.canonicalize()
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}
