//! `[publish]` and `[subscribe]`.

use toml::de::DeValue;

use crate::topic::TopicPattern;

use super::diagnostic::{nearest, quoted};
use super::legacy::Legacy;
use super::limits;
use super::model::{Binding, Fanout, Mode, OnError, Publish, Subscribe, WitRef, WitSource};
use super::patterns;
use super::reader::{Entry, Table, Value};
use super::values::requirement;

const PUBLISH: &[&str] = &["wit", "version", "tag", "rev", "branch", "path", "fanout"];

const SUBSCRIBE: &[&str] = &[
    "wit",
    "version",
    "tag",
    "rev",
    "branch",
    "path",
    "fanout",
    "handler",
    "priority",
    "on_error",
    "mode",
    "timeout_ms",
];

/// What `[publish]` and `[subscribe]` say about a topic alike.
#[derive(Default)]
struct Payload {
    wit: Option<WitRef>,
    fanout: Option<Fanout>,
}

/// Reads `[publish]`, and folds in what older forms ask for.
pub(super) fn publish<'a>(root: &'a Table<'a>, legacy: &Legacy) -> Vec<Publish> {
    let mut entries: Vec<Publish> = Vec::new();
    if let Some(table) = root.get("publish").and_then(|value| value.table()) {
        for entry in table.entries_up_to(limits::TOPICS) {
            let Some((topic, Payload { wit, fanout }, _)) = topic(&entry, PUBLISH) else {
                continue;
            };
            entries.push(Publish { topic, wit, fanout });
        }
    }
    for topic in &legacy.publish {
        if !entries.iter().any(|entry| entry.topic == *topic) {
            entries.push(Publish {
                topic: topic.clone(),
                wit: None,
                fanout: None,
            });
        }
    }
    entries
}

/// Reads `[subscribe]`, and folds in what older forms ask for.
pub(super) fn subscribe<'a>(root: &'a Table<'a>, legacy: &mut Legacy) -> Vec<Subscribe> {
    let mut entries: Vec<Subscribe> = Vec::new();
    if let Some(table) = root.get("subscribe").and_then(|value| value.table()) {
        for entry in table.entries_up_to(limits::TOPICS) {
            let Some((topic, Payload { wit, fanout }, handler)) = topic(&entry, SUBSCRIBE) else {
                continue;
            };
            entries.push(Subscribe {
                topic,
                wit,
                fanout,
                handler,
            });
        }
    }
    for topic in &legacy.subscribe {
        if !entries.iter().any(|entry| entry.topic == *topic) {
            entries.push(Subscribe {
                topic: topic.clone(),
                wit: None,
                fanout: None,
                handler: None,
            });
        }
    }
    legacy.interceptors(root, &mut entries);
    let handlers = entries
        .iter()
        .filter(|entry| entry.handler.is_some())
        .count();
    if handlers > limits::HANDLERS {
        let message = format!("{handlers} handlers, more than {}", limits::HANDLERS);
        let table = root.get("subscribe").or_else(|| root.get("interceptor"));
        if let Some(table) = table {
            table.error(message, None);
        }
    }
    entries
}

fn topic(entry: &Entry<'_>, keys: &[&str]) -> Option<(TopicPattern, Payload, Option<Binding>)> {
    if let Some(topic) = unquoted(entry, keys) {
        let topic = quoted(&topic);
        let instead = format!("write \"{}\" = …", topic.trim_matches('`'));
        entry.key_error(format!("topic {topic} must be in quotes"), Some(instead));
        return None;
    }
    let topic = entry.parse_key(TopicPattern::parse);
    if entry.value.raw().is_str() {
        let wit = entry.value.line(limits::ENTRY_BYTES);
        let wit = wit.map(|wit| WitRef {
            wit: Some(wit),
            source: None,
        });
        return Some((topic?, Payload { wit, fanout: None }, None));
    }
    if !entry.value.raw().is_table() {
        return entry.value.wrong_type("a WIT reference or a table", None);
    }
    let table = &entry.value.table()?;
    table.only(keys, &[]);
    let payload = Payload {
        wit: wit_ref(table),
        fanout: table.get("fanout").and_then(fanout),
    };
    let handler = if keys.contains(&"handler") {
        binding(table)
    } else {
        None
    };
    Some((topic?, payload, handler))
}

/// The topic that a dotted key without quotes was meant to be: TOML takes it for nested tables.
fn unquoted(entry: &Entry<'_>, keys: &[&str]) -> Option<String> {
    if entry.key.contains('.') {
        return None;
    }
    let mut topic = entry.key.to_owned();
    let mut value = entry.value.raw();
    let mut nested = false;
    while let DeValue::Table(table) = value {
        let inner = table.iter().find(|(key, value)| {
            let leaf = matches!(value.get_ref(), DeValue::Table(_) | DeValue::String(_));
            leaf && !keys.contains(&key.get_ref().as_ref())
        });
        let Some((key, inner)) = inner else { break };
        // That is rather a misspelt key.
        if nearest(key.get_ref(), keys).is_some() {
            break;
        }
        topic.push('.');
        topic.push_str(key.get_ref());
        value = inner.get_ref();
        nested = true;
    }
    let likely = nested && (value.is_table() || TopicPattern::parse(&topic).is_ok());
    likely.then_some(topic)
}

fn wit_ref<'a>(table: &'a Table<'a>) -> Option<WitRef> {
    let line = |value: Value<'_>| value.line(limits::ENTRY_BYTES);
    let sources = ["version", "tag", "rev", "branch", "path"];
    let mut given = sources
        .into_iter()
        .filter_map(|key| Some((key, table.get(key)?)));
    let first = given.next();
    for (key, value) in given {
        let other = first.map(|(key, _)| key).unwrap_or_default();
        value.error(format!("`{key}` and `{other}` exclude each other"), None);
    }
    let source = first.and_then(|(key, value)| match key {
        "version" => value.check(requirement).map(WitSource::Version),
        "tag" => line(value).map(WitSource::Tag),
        "rev" => line(value).map(WitSource::Rev),
        "branch" => line(value).map(WitSource::Branch),
        _ => value.check(patterns::path).map(WitSource::Path),
    });
    let wit = table.get("wit").and_then(line);
    (wit.is_some() || source.is_some()).then_some(WitRef { wit, source })
}

fn fanout(value: Value<'_>) -> Option<Fanout> {
    match value.raw() {
        DeValue::Boolean(allowed) => Some(Fanout::Allowed(*allowed)),
        DeValue::Integer(_) => value.small(limits::FANOUT).map(Fanout::AtMost),
        _ => value.wrong_type("true, false or a number of subscribers", None),
    }
}

fn binding<'a>(table: &'a Table<'a>) -> Option<Binding> {
    let keys = ["priority", "on_error", "mode", "timeout_ms"];
    let [priority, on_error, mode, timeout] = keys.map(|key| table.get(key));
    let Some(handler) = table.get("handler") else {
        for value in [priority, on_error, mode, timeout].into_iter().flatten() {
            value.error(format!("{} needs a `handler`", value.subject()), None);
        }
        return None;
    };
    let failures = [("continue", OnError::Continue), ("deny", OnError::Deny)];
    let modes = [("chain", Mode::Chain), ("observe", Mode::Observe)];
    let priority = priority.and_then(|value| value.small(0..=u32::MAX));
    let failure = on_error
        .and_then(|value| value.choice(&failures))
        .unwrap_or_default();
    let mode = mode
        .and_then(|value| value.choice(&modes))
        .unwrap_or_default();
    if let (Some(value), OnError::Deny, Mode::Observe) = (on_error, failure, mode) {
        value.error("an observer cannot deny: what it answers is ignored", None);
    }
    let timeout_ms = timeout.and_then(|value| value.number(limits::MILLIS));
    Some(Binding {
        action: handler.check(patterns::action)?,
        priority: priority.unwrap_or(Binding::PRIORITY),
        on_error: failure,
        mode,
        timeout_ms,
        legacy: false,
    })
}
