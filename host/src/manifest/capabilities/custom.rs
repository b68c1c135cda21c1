//! What a manifest asks of the domains of embedders: tables of `[capabilities]` that are named after their packages.
//! Which there are only the host knows that loads the capsule; here they are data.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::de::DeValue;

use super::super::diagnostic::quoted;
use super::super::limits;
use super::super::patterns::{self, Wrong};
use super::super::reader::{Entry, Table, Value};
use super::capability::{Capability, namespace_table};
use super::{Asked, Granted, LEGACY};

/// What is asked for by namespace, such as `acme:billing`, and key.
pub type Custom = BTreeMap<String, BTreeMap<String, CustomValue>>;

/// What is asked for as one capability of an embedder's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum CustomValue {
    /// `true` or `false`.
    Flag(bool),
    /// A list of texts.
    List(Vec<String>),
}

impl CustomValue {
    pub(super) fn asked(&self) -> &dyn Asked {
        match self {
            Self::Flag(flag) => flag,
            Self::List(list) => list,
        }
    }
}

/// The capabilities that are held.
pub(super) fn granted(custom: &Custom) -> impl Iterator<Item = Granted<'_>> {
    custom.iter().flat_map(|(namespace, keys)| {
        let held = keys.iter().filter(|(_, value)| value.asked().is_held());
        held.map(move |(key, value)| Granted {
            name: format!("{namespace}.{key}").into(),
            doc: format!("What the embedder's domain {namespace} calls `{key}`.").into(),
            entries: value.asked().entries(),
        })
    })
}

/// Whether an entry of `[capabilities]` is meant as the table of a namespace.
pub(super) fn is_namespace(key: &str, value: &DeValue<'_>) -> bool {
    let known = || Capability::find(key).is_some() || LEGACY.contains(&key);
    key.contains(':') || (value.is_table() && !known())
}

/// Adds the namespaces of a table: lists are appended, flags or-ed.
pub(super) fn read<'a>(custom: &mut Custom, table: &'a Table<'a>) {
    let mut namespaces = table.entries();
    namespaces.retain(|entry| is_namespace(entry.key, entry.value.raw()));
    let (found, most) = (namespaces.len(), limits::NAMESPACES);
    if found > most {
        let message = format!("{found} namespaces of embedders in one table, more than {most}");
        table.error(message, None);
        return;
    }
    for entry in namespaces {
        if let Some(namespace) = entry.check_key(|key| namespace(key, entry.value))
            && let Some(keys) = keys(&entry)
        {
            let known = custom.entry(namespace).or_default();
            for entry in keys.entries_up_to(limits::NAMESPACE_KEYS) {
                add(known, &entry);
            }
        }
    }
}

/// The package after which a table is named.
fn namespace(key: &str, value: Value<'_>) -> Result<String, Wrong> {
    let lower = key.to_ascii_lowercase().replace('_', "-");
    if patterns::is_contract(&lower) {
        return Err(Wrong {
            message: "it is the contract's own, whose capabilities are keys of [capabilities]"
                .to_owned(),
            suggestion: None,
        });
    }
    if patterns::is_package(key) {
        return Ok(key.to_owned());
    }
    let suggestion = match key.rsplit_once('.') {
        _ if patterns::is_package(&lower) => Some(format!("write \"{lower}\"")),
        Some((package, key))
            if patterns::is_package(package) && patterns::is_capability_key(key) =>
        {
            let value = if value.raw().is_array() {
                "[…]"
            } else {
                "true"
            };
            Some(format!(
                "write {key} = {value} in {}",
                namespace_table(package)
            ))
        }
        _ => Some("write it as in [capabilities.\"acme:billing\"]".to_owned()),
    };
    Err(Wrong {
        message: "capabilities of an embedder are in a table named after its package, `namespace:package`".to_owned(),
        suggestion,
    })
}

/// The keys of a namespace.
fn keys<'a>(entry: &Entry<'a>) -> Option<Table<'a>> {
    if entry.value.raw().is_table() {
        return entry.value.table();
    }
    let suggestion = format!("write {} and its keys below", namespace_table(entry.key));
    entry.value.wrong_type("a table", Some(suggestion))
}

/// Adds one key of a namespace.
fn add(known: &mut BTreeMap<String, CustomValue>, entry: &Entry<'_>) {
    let (Some(key), Some(value)) = (entry.check_key(patterns::capability_key), value(entry)) else {
        return;
    };
    match (known.get_mut(&key), value) {
        (None, value) => {
            known.insert(key, value);
        }
        (Some(CustomValue::Flag(known)), CustomValue::Flag(more)) => known.add(more),
        (Some(CustomValue::List(known)), CustomValue::List(more)) => known.add(more),
        (Some(CustomValue::Flag(_)), CustomValue::List(_)) => {
            entry
                .value
                .wrong_type::<()>("true or false as in [capabilities]", None);
        }
        (Some(CustomValue::List(_)), CustomValue::Flag(_)) => {
            entry
                .value
                .wrong_type::<()>("an array of strings as in [capabilities]", None);
        }
    }
}

fn value(entry: &Entry<'_>) -> Option<CustomValue> {
    let suggestion = match entry.value.raw() {
        DeValue::Boolean(flag) => return Some(CustomValue::Flag(*flag)),
        DeValue::Array(_) => {
            let mut list = Vec::new();
            list.add(entry.value.lines());
            return Some(CustomValue::List(list));
        }
        DeValue::String(text) if matches!(&**text, "true" | "false") => {
            Some(format!("write {text} without quotes"))
        }
        DeValue::String(text) if text.len() <= limits::NAME_BYTES => {
            let key = quoted(entry.key);
            Some(format!(
                "write {} = [\"{}\"]",
                key.trim_matches('`'),
                text.escape_debug()
            ))
        }
        _ => None,
    };
    entry
        .value
        .wrong_type("true, false or an array of strings", suggestion)
}
