//! Older forms, folded into the current ones.
//!
//! Each form is read in full, and reported once per file, at its first use, with what to write
//! instead.

use crate::topic::TopicPattern;

use super::limits;
use super::model::{Binding, Mode, OnError, Subscribe, TopicSchema};
use super::patterns;
use super::reader::{Table, Value};
use super::values::plain;

/// What older forms ask for, until it is folded in.
#[derive(Default)]
pub(super) struct Legacy {
    reported: Vec<&'static str>,
    /// From `ipc_publish`.
    pub(super) publish: Vec<TopicPattern>,
    /// From `ipc_subscribe`.
    pub(super) subscribe: Vec<TopicPattern>,
}

impl Legacy {
    /// Reports a form, if it wasn't yet.
    pub(super) fn report(&mut self, form: &'static str, value: Value<'_>, instead: &str) {
        if !self.reported.contains(&form) {
            self.reported.push(form);
            value.warn(format!("{form} is deprecated"), Some(instead.to_owned()));
        }
    }

    /// `ipc_publish` and `ipc_subscribe` of a table of capabilities.
    pub(super) fn ipc(&mut self, publish: Option<Value<'_>>, subscribe: Option<Value<'_>>) {
        if let Some(value) = publish {
            self.report(
                "`ipc_publish`",
                value,
                "list the topics as keys of [publish]",
            );
            self.publish.extend(patterns_of(value));
        }
        if let Some(value) = subscribe {
            self.report(
                "`ipc_subscribe`",
                value,
                "list the topics as keys of [subscribe]",
            );
            self.subscribe.extend(patterns_of(value));
        }
    }

    /// `[[interceptor]]`: handlers, each on an entry of its own unless one without handler is there.
    pub(super) fn interceptors<'a>(&mut self, root: &'a Table<'a>, entries: &mut Vec<Subscribe>) {
        let Some(value) = root.get("interceptor") else {
            return;
        };
        let instead = "write `handler` and `priority` in [subscribe]";
        self.report("[[interceptor]]", value, instead);
        for table in value.tables(limits::HANDLERS) {
            table.only(&["event", "action", "priority"], &[]);
            let topic = table
                .required("event")
                .and_then(|value| value.parse(TopicPattern::parse));
            let action = table
                .required("action")
                .and_then(|value| value.check(patterns::action));
            let priority = table
                .get("priority")
                .and_then(|value| value.small(0..=u32::MAX));
            let (Some(topic), Some(action)) = (topic, action) else {
                continue;
            };
            let same = |entry: &&Subscribe| entry.topic == topic;
            let twice = entries.iter().filter(same).any(|entry| {
                entry
                    .handler
                    .as_ref()
                    .is_some_and(|binding| binding.action == action)
            });
            if twice {
                table.error(format!("`{action}` is bound to `{topic}` twice"), None);
                continue;
            }
            let handler = Some(Binding {
                action,
                priority: priority.unwrap_or(Binding::PRIORITY),
                on_error: OnError::default(),
                mode: Mode::default(),
                timeout_ms: None,
                legacy: true,
            });
            let vacant = |entry: &&mut Subscribe| entry.topic == topic && entry.handler.is_none();
            match entries.iter_mut().find(vacant) {
                Some(entry) => entry.handler = handler,
                None => entries.push(Subscribe {
                    topic,
                    wit: None,
                    fanout: None,
                    handler,
                }),
            }
        }
    }

    /// `[[topic]]`: schemas only; these tables never granted anything.
    pub(super) fn topics<'a>(&mut self, root: &'a Table<'a>) -> Vec<TopicSchema> {
        let Some(value) = root.get("topic") else {
            return Vec::new();
        };
        let instead = "name a WIT type in [publish] or [subscribe]";
        self.report("[[topic]]", value, instead);
        let mut topics: Vec<TopicSchema> = Vec::new();
        for table in value.tables(limits::TABLES) {
            table.only(&["name", "description", "schema"], &[]);
            let name = table
                .required("name")
                .and_then(|value| value.parse(TopicPattern::parse));
            let description = table.get("description").and_then(|value| value.prose());
            let schema = table.get("schema").and_then(schema);
            let Some(name) = name else { continue };
            if topics.iter().any(|topic| topic.name == name) {
                table.error(format!("topic `{name}` is described twice"), None);
            } else {
                topics.push(TopicSchema {
                    name,
                    description,
                    schema,
                });
            }
        }
        topics
    }
}

fn schema(value: Value<'_>) -> Option<toml::Value> {
    if value.raw().is_table() {
        return plain(value);
    }
    if value.raw().is_str() {
        return value.prose().map(toml::Value::String);
    }
    value.wrong_type("a table, or a string of JSON", None)
}

fn patterns_of(value: Value<'_>) -> Vec<TopicPattern> {
    value
        .list()
        .iter()
        .filter_map(|value| value.parse(TopicPattern::parse))
        .collect()
}
