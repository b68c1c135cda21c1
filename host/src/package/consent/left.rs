//! What principals have under a capsule's name: whoever is installed under it reads it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::env;
use crate::files::FileError;
use crate::home::Home;
use crate::names::{CapsuleName, PrincipalId};
use crate::package::PackageError;
use crate::storage::{self, KeysOf};

/// Most entries that are listed, and most keys of one: who set more is counted.
const LISTED: usize = 64;

/// Data that is there under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Whose it is; none if it is for every principal.
    pub principal: Option<PrincipalId>,
    /// What it is.
    pub kind: LeftKind,
    /// Its keys, sorted, the first 64; not escaped.
    pub keys: Vec<String>,
    /// How many more there are.
    pub more: usize,
}

/// All that was left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllLeft {
    /// The first 64, by principal.
    pub listed: Vec<Left>,
    /// How many more there are.
    pub more: usize,
    /// Keys and values, by principal. Whoever has the store says so ([`Consent::with_kept`](super::Consent::with_kept)):
    /// they are shown, and not compared when the home is held.
    #[serde(default)]
    pub kept: Vec<Kept>,
}

/// Keys and values that a capsule of the name kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// For whom.
    pub principal: PrincipalId,
    /// Bytes of them.
    pub bytes: u64,
}

impl AllLeft {
    /// What was left, for people; a line each, not escaped.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.listed.iter().map(Left::to_string).collect();
        if self.more > 0 {
            lines.push(format!(
                "and {} more, of configuration or secrets",
                self.more
            ));
        }
        let kept = self.kept.iter().take(LISTED);
        lines.extend(kept.map(|Kept { principal, bytes }| {
            format!("keys and values of {principal}, which it may read: {bytes} bytes")
        }));
        if let Some(more @ 1..) = self.kept.len().checked_sub(LISTED) {
            lines.push(format!("keys and values of {more} more principals"));
        }
        lines
    }
}

/// What sort of data is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftKind {
    /// Values of `[env]`.
    Env,
    /// Secrets.
    Secrets,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            LeftKind::Env => "configuration",
            LeftKind::Secrets => "secrets",
        };
        match &self.principal {
            Some(principal) => write!(f, "{what} of {principal}")?,
            None => write!(f, "{what} of every principal")?,
        }
        write!(f, ", which it may read: {}", self.keys.join(", "))?;
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// All that is there under a capsule's name, by principal.
pub(super) fn of(home: &Home, name: &CapsuleName) -> Result<AllLeft, PackageError> {
    let failed = |path: PathBuf| FileError::at("list", &path);
    let configured = env::configured(home, name)?;
    let configured = configured
        .into_iter()
        .map(|found| left(found, LeftKind::Env));
    let secrets = storage::kept(home, name).map_err(failed(home.secrets_dir()))?;
    let secrets = secrets
        .into_iter()
        .map(|found| left(found, LeftKind::Secrets));
    let mut listed: Vec<_> = configured.chain(secrets).collect();
    listed.sort_by(|a, b| (&a.principal, a.kind).cmp(&(&b.principal, b.kind)));
    let more = listed.len().saturating_sub(LISTED);
    listed.truncate(LISTED);
    Ok(AllLeft {
        listed,
        more,
        kept: Vec::new(),
    })
}

fn left(found: KeysOf, kind: LeftKind) -> Left {
    let KeysOf {
        principal,
        mut keys,
    } = found;
    let more = keys.len().saturating_sub(LISTED);
    keys.truncate(LISTED);
    Left {
        principal,
        kind,
        keys,
        more,
    }
}
