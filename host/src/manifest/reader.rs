//! Reading a parsed TOML document: types, ranges, unknown keys, and the place of each mistake.
//!
//! A [`Table`] or [`Value`] knows its own path and position. A method that returns `None` or leaves
//! something out has reported why, so a reader can go on and find the other mistakes of the file.

use std::fmt;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Report, quoted, suggest};
use super::limits;
use super::patterns::Wrong;
use crate::escape;

/// Where a table or value stands: a chain of names up to the root.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    name: &'a str,
    index: Option<usize>,
}

impl Place<'_> {
    const ROOT: Place<'static> = Place {
        parent: None,
        name: "",
        index: None,
    };

    /// `tool[1].name`; without indices if these don't matter.
    fn path(&self, indices: bool) -> String {
        let mut path = match self.parent {
            None => return String::new(),
            Some(parent) => parent.path(indices),
        };
        if !path.is_empty() {
            path.push('.');
        }
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let shown = quoted(self.name);
        let shown = shown.trim_matches('`');
        if !shown.is_empty() && shown.bytes().all(bare) {
            path.push_str(shown);
        } else {
            path.extend(["\"", shown, "\""]);
        }
        if let (true, Some(index)) = (indices, self.index) {
            path.push_str(&format!("[{index}]"));
        }
        path
    }

    /// `in [capabilities]`, for a message about something in this table.
    fn within(&self) -> String {
        match (self.parent, self.index) {
            (None, _) => "at the top level".to_owned(),
            (Some(_), None) => format!("in [{}]", self.path(false)),
            (Some(_), Some(_)) => format!("in [[{}]]", self.path(false)),
        }
    }
}

/// A table, and where it stands.
pub(super) struct Table<'a> {
    entries: &'a DeTable<'a>,
    offset: usize,
    place: Place<'a>,
    pub(super) report: &'a Report,
}

/// A value, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    value: &'a Spanned<DeValue<'a>>,
    place: Place<'a>,
    report: &'a Report,
}

/// One `key = value` of a table whose keys are free.
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    key_offset: usize,
    pub(super) value: Value<'a>,
}

impl<'a> Table<'a> {
    /// The whole document.
    pub(super) fn root(entries: &'a DeTable<'a>, report: &'a Report) -> Self {
        Self {
            entries,
            offset: 0,
            place: Place::ROOT,
            report,
        }
    }

    /// Reports each key that is neither in `keys` nor in `legacy`. Suggestions come from `keys`.
    pub(super) fn only(&self, keys: &[&str], legacy: &[&str]) {
        self.only_beside(keys, legacy, |_, _| false);
    }

    /// As [`Self::only`], beside entries that are read in another way.
    pub(super) fn only_beside(
        &self,
        keys: &[&str],
        legacy: &[&str],
        other: impl Fn(&str, &DeValue<'_>) -> bool,
    ) {
        for (key, value) in self.entries {
            let name = key.get_ref().as_ref();
            if keys.contains(&name) || legacy.contains(&name) || other(name, value.get_ref()) {
                continue;
            }
            if self.report.is_full() {
                self.report.skip();
                continue;
            }
            let place = Place {
                parent: Some(&self.place),
                name,
                index: None,
            };
            self.report.error(
                key.span().start,
                Some(place.path(true)),
                format!("unknown key {} {}", quoted(name), self.place.within()),
                Some(suggest(name, keys, "known keys are")),
            );
        }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&'a self, name: &'static str) -> Option<Value<'a>> {
        let value = self.entries.get(name)?;
        let place = Place {
            parent: Some(&self.place),
            name,
            index: None,
        };
        Some(Value {
            value,
            place,
            report: self.report,
        })
    }

    /// The value of a key that must be there.
    pub(super) fn required(&'a self, name: &'static str) -> Option<Value<'a>> {
        let value = self.get(name);
        if value.is_none() {
            let message = match self.place.parent {
                Some(_) => format!("missing key `{name}` {}", self.place.within()),
                None => format!("missing table [{name}]"),
            };
            self.report
                .error(self.offset, Some(self.path_of(name)), message, None);
        }
        value
    }

    /// All entries in the order of the file.
    pub(super) fn entries(&'a self) -> Vec<Entry<'a>> {
        let entries = self.entries.iter().map(|(key, value)| {
            let name = key.get_ref().as_ref();
            let place = Place {
                parent: Some(&self.place),
                name,
                index: None,
            };
            Entry {
                key: name,
                key_offset: key.span().start,
                value: Value {
                    value,
                    place,
                    report: self.report,
                },
            }
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|entry| entry.key_offset);
        entries
    }

    /// The entries, unless there are more than `max`.
    pub(super) fn entries_up_to(&'a self, max: usize) -> Vec<Entry<'a>> {
        if self.entries.len() > max {
            let found = self.entries.len();
            self.error(
                format!("{found} entries {}, more than {max}", self.place.within()),
                None,
            );
            return Vec::new();
        }
        self.entries()
    }

    /// A mistake of the table as a whole.
    pub(super) fn error(&self, message: impl Into<String>, suggestion: Option<String>) {
        self.report
            .error(self.offset, self.key(), message.into(), suggestion);
    }

    fn key(&self) -> Option<String> {
        self.place.parent.map(|_| self.place.path(true))
    }

    fn path_of(&self, name: &str) -> String {
        Place {
            parent: Some(&self.place),
            name,
            index: None,
        }
        .path(true)
    }
}

impl Entry<'_> {
    /// A mistake of the key itself.
    pub(super) fn key_error(&self, message: impl fmt::Display, suggestion: Option<String>) {
        let key = Some(self.value.place.path(true));
        self.value
            .report
            .error(self.key_offset, key, message.to_string(), suggestion);
    }

    /// The key, if `check` accepts it, in the form that it gives.
    pub(super) fn check_key<T>(&self, check: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        match check(self.key) {
            Ok(checked) => Some(checked),
            Err(Wrong {
                message,
                suggestion,
            }) => {
                self.key_error(
                    format!("bad key {}: {message}", quoted(self.key)),
                    suggestion,
                );
                None
            }
        }
    }

    /// The key, if `parse` accepts it.
    pub(super) fn parse_key<T, E: fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.key) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.key_error(format!("bad key {}: {error}", quoted(self.key)), None);
                None
            }
        }
    }
}

impl<'a> Value<'a> {
    /// Reports a mistake in this value.
    pub(super) fn error(&self, message: impl Into<String>, suggestion: Option<String>) {
        let key = Some(self.place.path(true));
        self.report
            .error(self.value.span().start, key, message.into(), suggestion);
    }

    /// Reports something to change about this value.
    pub(super) fn warn(&self, message: impl Into<String>, suggestion: Option<String>) {
        let key = Some(self.place.path(true));
        self.report
            .warning(self.value.span().start, key, message.into(), suggestion);
    }

    /// The value as TOML has it.
    pub(super) fn raw(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    /// `` `net` in [capabilities] ``, or `` an entry of `net` in [capabilities] ``.
    pub(super) fn subject(&self) -> String {
        let entry = if self.place.index.is_some() {
            "an entry of "
        } else {
            ""
        };
        format!("{entry}{}", self.key())
    }

    /// `` `net` in [capabilities] ``.
    fn key(&self) -> String {
        let within = self.place.parent.map(Place::within).unwrap_or_default();
        format!("{} {within}", quoted(self.place.name))
    }

    /// Reports a string that is not of the right form.
    fn malformed(&self, text: &str, message: impl fmt::Display, suggestion: Option<String>) {
        let what = if self.place.index.is_some() {
            "entry"
        } else {
            "value"
        };
        let shown = quoted(text);
        self.error(
            format!("bad {what} {shown} of {}: {message}", self.key()),
            suggestion,
        );
    }

    /// Reports that the value has another type than the `wanted` one.
    pub(super) fn wrong_type<T>(&self, wanted: &str, suggestion: Option<String>) -> Option<T> {
        let found = match self.raw() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.error(
            format!("{} must be {wanted}, not {found}", self.subject()),
            suggestion,
        );
        None
    }

    /// A string.
    pub(super) fn string(&self) -> Option<&'a str> {
        match self.raw() {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.wrong_type("a string", None),
        }
    }

    /// A string that `parse` accepts.
    pub(super) fn parse<T, E: fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.string()?;
        match parse(text) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.malformed(text, error, None);
                None
            }
        }
    }

    /// A string that `check` accepts, in the form that it gives.
    pub(super) fn check<T>(&self, check: impl FnOnce(&'a str) -> Result<T, Wrong>) -> Option<T> {
        let text = self.string()?;
        match check(text) {
            Ok(checked) => Some(checked),
            Err(Wrong {
                message,
                suggestion,
            }) => {
                self.malformed(text, message, suggestion);
                None
            }
        }
    }

    /// A string of one line: 1 to `max` bytes, no control or invisible characters.
    pub(super) fn line(&self, max: usize) -> Option<String> {
        let text = self.string()?;
        let wrong = if text.is_empty() {
            "must not be empty".to_owned()
        } else if text.len() > max {
            format!("has {} bytes, more than {max}", text.len())
        } else if text.contains(char::is_control) {
            "must not hold control characters".to_owned()
        } else if text.contains(escape::is_hidden) {
            "must not hold invisible characters".to_owned()
        } else {
            return Some(text.to_owned());
        };
        self.error(format!("{} {wrong}", self.subject()), None);
        None
    }

    /// Text for people: lines and tabs, possibly empty, bounded. Invisible characters belong to some scripts and
    /// emoji: they are spelt out where the text is shown.
    pub(super) fn prose(&self) -> Option<String> {
        let text = self.string()?;
        let control = |found: char| found.is_control() && !matches!(found, '\n' | '\r' | '\t');
        let wrong = if text.len() > limits::PROSE_BYTES {
            format!(
                "has {} bytes, more than {}",
                text.len(),
                limits::PROSE_BYTES
            )
        } else if text.contains(control) {
            "must not hold control characters".to_owned()
        } else {
            return Some(text.to_owned());
        };
        self.error(format!("{} {wrong}", self.subject()), None);
        None
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.raw() {
            DeValue::Boolean(flag) => Some(*flag),
            DeValue::String(text) if text == "true" || text == "false" => self.wrong_type(
                "true or false",
                Some(format!("write {text} without quotes")),
            ),
            _ => self.wrong_type("true or false", None),
        }
    }

    /// An integer within a range.
    pub(super) fn number(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(integer) = self.raw() else {
            return self.wrong_type("an integer", None);
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            let found = quoted(&integer.to_string());
            let message = format!(
                "{} must be from {low} to {high}, not {found}",
                self.subject()
            );
            self.error(message, None);
        }
        number
    }

    /// An integer within a range of small ones.
    pub(super) fn small(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let number = self.number((*range.start()).into()..=(*range.end()).into())?;
        u32::try_from(number).ok()
    }

    /// One of several names.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string()?;
        let chosen = choices.iter().find(|(name, _)| *name == text);
        if chosen.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let message = format!("unknown value {} of {}", quoted(text), self.key());
            self.error(message, Some(suggest(text, &names, "known values are")));
        }
        chosen.map(|(_, choice)| *choice)
    }

    /// The strings of an array, each with its place, at most [`limits::LIST`].
    pub(super) fn list(&self) -> Vec<Value<'a>> {
        let DeValue::Array(array) = self.raw() else {
            let suggestion = match self.raw() {
                DeValue::String(text) if text.len() <= limits::NAME_BYTES => {
                    let key = self.place.name;
                    Some(format!("write {} = [\"{}\"]", key, text.escape_debug()))
                }
                _ => None,
            };
            self.wrong_type::<()>("an array of strings", suggestion);
            return Vec::new();
        };
        if !self.fits(array.len(), limits::LIST) {
            return Vec::new();
        }
        let values = array.iter().enumerate().map(|(index, value)| Value {
            value,
            place: Place {
                index: Some(index),
                ..self.place
            },
            report: self.report,
        });
        values.collect()
    }

    /// An array of one-line strings.
    pub(super) fn lines(&self) -> Vec<String> {
        let values = self.list();
        values
            .iter()
            .filter_map(|value| value.line(limits::ENTRY_BYTES))
            .collect()
    }

    /// A table.
    pub(super) fn table(&self) -> Option<Table<'a>> {
        match self.raw() {
            DeValue::Table(entries) => Some(self.as_table(entries)),
            DeValue::Array(array) if array.iter().all(|value| value.get_ref().is_table()) => {
                let name = self.place.path(false);
                self.wrong_type(
                    "a table",
                    Some(format!("write [{name}] with single brackets")),
                )
            }
            _ => self.wrong_type("a table", None),
        }
    }

    /// An array of tables, at most `max`.
    pub(super) fn tables(&self, max: usize) -> Vec<Table<'a>> {
        let DeValue::Array(array) = self.raw() else {
            let name = self.place.path(false);
            let brackets = self.raw().is_table().then(|| format!("write [[{name}]]"));
            self.wrong_type::<()>("an array of tables", brackets);
            return Vec::new();
        };
        if !self.fits(array.len(), max) {
            return Vec::new();
        }
        let values = array.iter().enumerate().map(|(index, value)| Value {
            value,
            place: Place {
                index: Some(index),
                ..self.place
            },
            report: self.report,
        });
        values.filter_map(|value| value.table()).collect()
    }

    fn as_table(&self, entries: &'a DeTable<'a>) -> Table<'a> {
        Table {
            entries,
            offset: self.value.span().start,
            place: self.place,
            report: self.report,
        }
    }

    fn fits(&self, found: usize, max: usize) -> bool {
        if found > max {
            self.error(
                format!("{} has {found} entries, more than {max}", self.subject()),
                None,
            );
        }
        found <= max
    }
}
