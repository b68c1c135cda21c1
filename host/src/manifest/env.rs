//! `[env]`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::diagnostic::{quoted, suggest};
use super::limits;
use super::model::{EnvKey, EnvKind, OptionsFrom, OptionsRequest};
use super::patterns;
use super::reader::{Table, Value};
use super::values::plain;

const KEYS: &[&str] = &[
    "type",
    "request",
    "description",
    "default",
    "enum_values",
    "placeholder",
    "options_from",
];

const KINDS: &[(&str, EnvKind)] = &[
    ("text", EnvKind::Text),
    ("secret", EnvKind::Secret),
    ("select", EnvKind::Select),
    ("array", EnvKind::Array),
    ("string", EnvKind::Text),
    ("integer", EnvKind::Integer),
    ("number", EnvKind::Number),
    ("boolean", EnvKind::Boolean),
];

const OPTIONS_KEYS: &[&str] = &["http", "bearer", "select", "after"];

/// Reads `[env]`.
pub(super) fn env<'a>(root: &'a Table<'a>) -> BTreeMap<String, EnvKey> {
    let mut keys = BTreeMap::new();
    let Some(table) = root.get("env").and_then(|value| value.table()) else {
        return keys;
    };
    for entry in table.entries_up_to(limits::ENV_KEYS) {
        let known = entry.parse_key(patterns::env_key);
        let key = entry.value.table().and_then(|table| env_key(&table));
        if let (Some(()), Some(key)) = (known, key) {
            keys.insert(entry.key.to_owned(), key);
        }
    }
    keys
}

fn env_key(table: &Table<'_>) -> Option<EnvKey> {
    table.only(KEYS, &[]);
    let kind = match table.get("type") {
        Some(value) => value.choice(KINDS),
        None => Some(EnvKind::default()),
    };
    let prose = |key| table.get(key).and_then(|value| value.prose());
    let choices = table.get("enum_values");
    let enum_values = choices.map(|value| value.lines()).unwrap_or_default();
    let options_from = table.get("options_from");
    let key = EnvKey {
        request: prose("request"),
        description: prose("description"),
        placeholder: prose("placeholder"),
        options_from: options_from.and_then(self::options_from),
        kind: kind?,
        default: table
            .get("default")
            .and_then(|value| default(value, kind?, &enum_values)),
        enum_values,
    };
    match (key.kind, choices, options_from) {
        (EnvKind::Select, None, None) => table.error(
            "a `select` needs `enum_values` or `options_from`",
            Some("or write type = \"text\"".to_owned()),
        ),
        (EnvKind::Select | EnvKind::Array, _, _) => {}
        (_, Some(value), _) => value.error(
            "`enum_values` belongs to the types `select` and `array`",
            Some("write type = \"select\"".to_owned()),
        ),
        _ => {}
    }
    Some(key)
}

/// A name, or a table that says how the choices are fetched.
fn options_from(value: Value<'_>) -> Option<OptionsFrom> {
    match value.raw() {
        DeValue::String(_) => value.line(limits::ENTRY_BYTES).map(OptionsFrom::Named),
        DeValue::Table(_) => options_request(&value.table()?).map(OptionsFrom::Http),
        _ => value.wrong_type("a string or a table", None),
    }
}

fn options_request(table: &Table<'_>) -> Option<OptionsRequest> {
    table.only(OPTIONS_KEYS, &[]);
    let line = |key| {
        table
            .get(key)
            .and_then(|value| value.line(limits::ENTRY_BYTES))
    };
    Some(OptionsRequest {
        http: table.required("http")?.line(limits::ENTRY_BYTES)?,
        bearer: line("bearer"),
        select: line("select").unwrap_or_else(|| OptionsRequest::SELECT.to_owned()),
        after: table
            .get("after")
            .map(|value| value.lines())
            .unwrap_or_default(),
    })
}

fn default(value: Value<'_>, kind: EnvKind, choices: &[String]) -> Option<toml::Value> {
    match (kind, value.raw()) {
        (EnvKind::Select, DeValue::String(text)) => {
            let names: Vec<&str> = choices.iter().map(String::as_str).collect();
            if !names.is_empty() && !names.contains(&text.as_ref()) {
                let message = format!("{} is none of `enum_values`", quoted(text));
                value.error(message, Some(suggest(text, &names, "they are")));
            }
            value.prose().map(toml::Value::String)
        }
        (EnvKind::Array, DeValue::Array(_)) => {
            let lines = value.lines().into_iter().map(toml::Value::String);
            Some(toml::Value::Array(lines.collect()))
        }
        (EnvKind::Select, _) => value.wrong_type("a string", None),
        (EnvKind::Array, _) => value.wrong_type("an array of strings", None),
        (EnvKind::Secret, DeValue::String(_)) => {
            let message = "the default of a secret can be read by all who have the manifest";
            value.warn(message, Some("leave `default` out".to_owned()));
            value.prose().map(toml::Value::String)
        }
        (EnvKind::Secret, _) => value.wrong_type("a string", None),
        (EnvKind::Text, DeValue::String(_)) => value.prose().map(toml::Value::String),
        // A guest is given other JSON values in their serialised form.
        (EnvKind::Text, DeValue::Datetime(_)) => value.wrong_type("a string", None),
        (EnvKind::Text, _) => plain(value),
        (EnvKind::Integer | EnvKind::Number | EnvKind::Boolean, _) => formed(value, kind),
    }
}

/// The default of a type that has a form. Existing manifests write it as a string or as a value of TOML; one of
/// another form is the author's mistake, and is what the guest gets all the same.
fn formed(value: Value<'_>, kind: EnvKind) -> Option<toml::Value> {
    let found = match value.raw() {
        DeValue::String(_) => value.prose().map(toml::Value::String),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => plain(value),
        _ => value.wrong_type("a string, a number or a boolean", None),
    }?;
    let text = match &found {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !text.is_empty() && !kind.accepts(&text) {
        let message = format!("{} is no {}", quoted(&text), kind.as_str());
        value.warn(message, Some("or write type = \"text\"".to_owned()));
    }
    Some(found)
}
