//! A consent for people: lines of text, escaped, in which nothing that is decided on is left out.

use std::fmt;

use super::{Before, Change, Consent, Identity, Term, Terms};
use crate::escape;

/// Characters that are shown of one term; a longer one is cut, and says so.
const SHOWN: usize = 1_000;

impl Consent {
    /// What the lines are about: the package, and whether it is compared with what is installed.
    pub fn heading(&self) -> String {
        let Identity { name, version, .. } = &self.package;
        match &self.before {
            Some(Before {
                version: Some(before),
                damage: None,
                ..
            }) => format!(
                "{name} {version}, in the place of {}:",
                escape::line(before)
            ),
            _ => format!("{name} {version} asks for:"),
        }
    }

    /// What a person decides on, a line each, escaped; what is longer than a thousand characters is cut, visibly.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let damage = self
            .before
            .as_ref()
            .and_then(|before| before.damage.as_ref());
        match (&self.before, damage) {
            (Some(_), None) => lines.extend(self.changes.iter().map(Change::to_string)),
            _ => lines.extend(self.terms.lines()),
        }
        let was = |now: &str, before: &str| format!("{now} (was {before})");
        let mut row = |label: &str, text: String| lines.push(format!("{label:<13}{text}"));
        match self.other_source() {
            Some(before) => row("source", was(&self.source, before)),
            None if self.asks() => row("source", self.source.clone()),
            None => {}
        }
        match self.other_owner() {
            Some(before) => row("owner", was(self.owner.as_str(), before)),
            None if self.asks() => row("owner", self.owner.to_string()),
            None => {}
        }
        if let Some(before) = self.lower_version() {
            row(
                "version",
                was(&format!("lower, {}", self.package.version), before),
            );
        }
        if let Some(version) = self.other_bytes() {
            row(
                "bytes",
                format!(
                    "other ones than the installed {version} has: the same version with another component"
                ),
            );
        }
        if let Some(damage) = damage {
            row(
                "damaged",
                format!("what is installed cannot be compared with: {damage}"),
            );
        }
        for left in self.left.lines() {
            row("left", left);
        }
        lines
            .iter()
            .map(|line| escape::cut_line(line, SHOWN))
            .collect()
    }
}

impl Terms {
    /// The terms for people, a line each, escaped; one that is longer than a thousand characters is cut, visibly.
    pub fn lines(&self) -> Vec<String> {
        if self.is_empty() {
            return vec!["nothing: it computes, logs and is called by name".to_owned()];
        }
        let shown = |term: &Term| escape::cut_line(&term.to_string(), SHOWN);
        self.iter().map(shown).collect()
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<13}{}", self.area, titled(&self.name, &self.detail))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            area,
            name,
            before,
            now,
        } = self;
        match (before, now) {
            (None, now) => {
                let now = now.as_deref().unwrap_or_default();
                write!(f, "new      {area:<13}{}", titled(name, now))
            }
            (Some(before), None) => write!(f, "dropped  {area:<13}{}", titled(name, before)),
            (Some(before), Some(now)) => {
                let now = titled(name, now);
                write!(f, "changed  {area:<13}{now} (was: {before})")
            }
        }
    }
}

fn titled(name: &str, detail: &str) -> String {
    if detail.is_empty() {
        name.to_owned()
    } else {
        format!("{name}: {detail}")
    }
}
