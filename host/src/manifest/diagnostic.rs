//! What is wrong with a manifest, and where.
//!
//! [`Report`] collects byte offsets while a file is read; lines and columns are worked out once, at
//! the end. Text from the file is quoted through [`quoted`], so nothing in a message can be long or
//! move a terminal's cursor.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits;
use crate::escape;

/// One mistake, or one warning, in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file's name, as it was given to the parser.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Dotted path of the key that it is about, such as `capabilities.net`; none where the text is
    /// not TOML.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            key: _,
            message,
            suggestion,
        } = self;
        write!(f, "{file}:{line}:{column}: {message}")?;
        match suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

/// All mistakes of one manifest, in the order of the file. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ManifestErrors(pub Vec<Diagnostic>);

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestErrors {}

/// A diagnostic before its line and column are known.
struct Finding {
    offset: usize,
    key: Option<String>,
    message: String,
    suggestion: Option<String>,
}

/// Collects what is found while a manifest is read.
#[derive(Default)]
pub(super) struct Report {
    errors: RefCell<Vec<Finding>>,
    warnings: RefCell<Vec<Finding>>,
    /// Errors beyond [`limits::DIAGNOSTICS`].
    unlisted: Cell<usize>,
}

impl Report {
    /// Whether further errors are only counted; their messages need not be made.
    pub(super) fn is_full(&self) -> bool {
        self.errors.borrow().len() >= limits::DIAGNOSTICS
    }

    /// Records a mistake at a byte offset.
    pub(super) fn error(
        &self,
        offset: usize,
        key: Option<String>,
        message: String,
        suggestion: Option<String>,
    ) {
        if self.is_full() {
            self.skip();
        } else {
            let finding = Finding {
                offset,
                key,
                message,
                suggestion,
            };
            self.errors.borrow_mut().push(finding);
        }
    }

    /// Counts a mistake that is not listed.
    pub(super) fn skip(&self) {
        self.unlisted.set(self.unlisted.get().saturating_add(1));
    }

    /// Records something that is accepted but should be changed.
    pub(super) fn warning(
        &self,
        offset: usize,
        key: Option<String>,
        message: String,
        suggestion: Option<String>,
    ) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < limits::DIAGNOSTICS {
            warnings.push(Finding {
                offset,
                key,
                message,
                suggestion,
            });
        }
    }

    /// Ends the collection: what was read and the warnings, or the errors if there are any. A
    /// reader that gives nothing has reported why.
    pub(super) fn finish<T>(
        self,
        read: Option<T>,
        text: &str,
        file: &str,
    ) -> Result<(T, Vec<Diagnostic>), ManifestErrors> {
        let errors = self.errors.into_inner();
        debug_assert!(
            read.is_some() || !errors.is_empty(),
            "nothing read, nothing reported"
        );
        if let (Some(read), true) = (read, errors.is_empty()) {
            return Ok((read, locate(self.warnings.into_inner(), text, file)));
        }
        let mut errors = locate(errors, text, file);
        if let (unlisted @ 1.., Some(last)) = (self.unlisted.get(), errors.last()) {
            let more = Diagnostic {
                key: None,
                message: format!("{unlisted} more mistakes are not listed"),
                suggestion: None,
                ..last.clone()
            };
            errors.push(more);
        }
        Err(ManifestErrors(errors))
    }
}

/// Turns offsets into lines and columns, in one pass over the text.
fn locate(mut findings: Vec<Finding>, text: &str, file: &str) -> Vec<Diagnostic> {
    findings.sort_by_key(|finding| finding.offset);
    let (mut line, mut column, mut here) = (1, 1, 0);
    let located = findings.into_iter().map(|finding| {
        let mut target = finding.offset.min(text.len());
        while !text.is_char_boundary(target) {
            target -= 1;
        }
        // `here` is a former target, so both ends are character boundaries.
        for character in text.get(here..target).unwrap_or_default().chars() {
            if character == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
        }
        here = target;
        Diagnostic {
            file: file.to_owned(),
            line,
            column,
            key: finding.key,
            message: finding.message,
            suggestion: finding.suggestion,
        }
    });
    located.collect()
}

/// Text of the file between backticks: escaped, and cut at 60 characters.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    escape::quoted(text, SHOWN)
}

/// The candidate that was probably meant by `text`, if one is near enough.
pub(super) fn nearest<'c>(text: &str, candidates: &[&'c str]) -> Option<&'c str> {
    // The distance costs the product of both lengths.
    if text.is_empty() || text.len() > limits::NAME_BYTES {
        return None;
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let text = plain(text);
    let distances = candidates.iter().map(|candidate| {
        let distance = strsim::damerau_levenshtein(&text, &plain(candidate));
        let near = text.len().max(candidate.len()).max(3) / 3;
        (*candidate, distance, near)
    });
    let near = distances
        .filter(|(_, distance, near)| distance <= near)
        .min_by_key(|(_, distance, _)| *distance)
        .map(|(candidate, ..)| candidate);
    // `network` for `net`, `description` for `description_for_llm`.
    let begins = |candidate: &&&str| {
        let plain = plain(candidate);
        plain.len().min(text.len()) >= 3 && (text.starts_with(&plain) || plain.starts_with(&text))
    };
    near.or_else(|| candidates.iter().find(begins).copied())
}

/// Names for a message: `` `a`, `b` ``, at most 24.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 24;
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| quoted(name)).collect();
    if names.len() > SHOWN {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

/// "did you mean" with the nearest candidate, or else all of them.
pub(super) fn suggest(text: &str, candidates: &[&str], all: &str) -> String {
    match nearest(text, candidates) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => format!("{all} {}", listed(candidates)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_key() {
        let keys = ["fs_read", "fs_write", "net", "net_bind"];
        assert_eq!(nearest("fs_raed", &keys), Some("fs_read"));
        assert_eq!(nearest("FS-READ", &keys), Some("fs_read"));
        assert_eq!(nearest("nett", &keys), Some("net"));
        assert_eq!(nearest("network", &keys), Some("net"));
        assert_eq!(nearest("fs", &keys), None);
        assert_eq!(nearest("shell", &keys), None);
        assert_eq!(nearest("", &keys), None);
        assert_eq!(nearest(&"x".repeat(100_000), &keys), None);
    }

    #[test]
    fn columns_count_characters() {
        let report = Report::default();
        report.error("ab\näö".len(), None, "there".into(), None);
        report.error(0, None, "here".into(), None);
        report.error(usize::MAX, None, "end".into(), None);
        let errors = report.finish(Some(()), "ab\näöü\n", "f").unwrap_err();
        assert_eq!(errors.to_string(), "f:1:1: here\nf:2:3: there\nf:3:1: end");
    }

    #[test]
    fn what_is_beyond_the_limit_is_counted() {
        let report = Report::default();
        for offset in 0..limits::DIAGNOSTICS + 7 {
            report.error(offset, None, "x".into(), None);
        }
        let errors = report.finish(Some(()), "", "f").unwrap_err();
        assert_eq!(errors.0.len(), limits::DIAGNOSTICS + 1);
        assert_eq!(
            errors.0.last().unwrap().message,
            "7 more mistakes are not listed"
        );
    }

    #[test]
    fn quotes_are_short_and_harmless() {
        assert_eq!(quoted("a\u{1b}[2J\"b\""), "`a\\u{1b}[2J\"b\"`");
        assert_eq!(quoted(&"ä".repeat(61)).chars().count(), 63);
    }
}
