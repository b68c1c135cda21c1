//! The section `astrid:exports`, JSON: what the component says of itself. The host's reader of it is where its shape is
//! documented; it leaves alone what it doesn't know. Descriptions are left out (`tool_describe` tells them): the section
//! has 64 KiB, and what is bounded (64 handlers, their names and topics) fits into it.

use crate::entry::{DESCRIBE, Entries, Handler, Kind};

/// The version of `astrid-sdk`: the two crates are released together.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The section's text.
pub fn text(entries: &Entries) -> String {
    let exports: Vec<String> = [
        (!entries.handlers.is_empty(), "astrid-hook-trigger"),
        (entries.run.is_some(), "run"),
        (entries.install.is_some(), "astrid-install"),
        (entries.upgrade.is_some(), "astrid-upgrade"),
    ]
    .into_iter()
    .filter(|(present, _)| *present)
    .map(|(_, name)| string(name))
    .collect();
    let mut handlers: Vec<String> = entries.handlers.iter().map(handler).collect();
    if entries.tools().next().is_some() {
        handlers.push(object(Fields::of(DESCRIBE)));
    }
    // By whatever means it is compiled: without cargo it has no name.
    let name = std::env::var("CARGO_PKG_NAME").ok();
    let name = name.map_or(String::new(), |name| {
        format!(r#""crate":{},"#, string(&name))
    });
    format!(
        r#"{{"v":1,"sdk":{},{name}"exports":[{}],"handlers":[{}]}}"#,
        string(VERSION),
        exports.join(","),
        handlers.join(",")
    )
}

/// A handler's fields, each JSON.
struct Fields {
    action: String,
    topic: String,
    priority: String,
    on_error: String,
    mode: String,
    /// What a tool or a command says beside these.
    more: String,
}

impl Fields {
    fn of(action: &str) -> Self {
        let null = || "null".to_owned();
        Self {
            action: string(action),
            topic: null(),
            priority: null(),
            on_error: null(),
            mode: null(),
            more: String::new(),
        }
    }
}

fn handler(handler: &Handler) -> String {
    let none = Fields::of(&handler.action.value());
    object(match &handler.kind {
        Kind::Hook(hook) => Fields {
            topic: hook
                .topic
                .as_ref()
                .map_or(none.topic, |topic| string(&topic.value())),
            priority: hook
                .priority
                .map_or(none.priority, |priority| priority.to_string()),
            on_error: optional(&hook.on_error),
            mode: optional(&hook.mode),
            ..none
        },
        Kind::Tool(tool) => Fields {
            topic: string(&tool.topic()),
            more: format!(
                r#","tool":{{"name":{},"mutable":{}}}"#,
                string(&tool.name.value()),
                tool.mutable
            ),
            ..none
        },
        Kind::Command(command) => Fields {
            topic: string(&command.topic()),
            more: format!(
                r#","command":{{"name":{},"kind":{}}}"#,
                string(&command.name.value()),
                optional(&command.kind)
            ),
            ..none
        },
    })
}

fn object(fields: Fields) -> String {
    let Fields {
        action,
        topic,
        priority,
        on_error,
        mode,
        more,
    } = fields;
    format!(
        r#"{{"action":{action},"topic":{topic},"priority":{priority},"on_error":{on_error},"mode":{mode}{more}}}"#
    )
}

fn optional(text: &Option<String>) -> String {
    text.as_deref().map_or("null".into(), string)
}

/// A text in JSON.
fn string(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}
