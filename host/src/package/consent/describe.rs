//! The details of a term, in the manifest's own words where it has some.

use serde::Serialize;

use crate::manifest::{
    Binding, Command, EnvKey, Fanout, Isolation, McpKind, McpServer, Mode, OnError, OptionsFrom,
    Tool,
};
use crate::package::Files;

/// Digits that are shown of a file's hash: no other content with the same ones can be found.
const DIGITS: usize = 32;

/// The word of an enumeration without data, as a manifest writes it.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A text between quotation marks.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A sentence as it is behind a colon: its first letter small, no full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut rest = text.trim_end_matches('.').chars();
    let first = rest.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(rest).collect()
}

pub(super) fn fanout(fanout: Option<Fanout>) -> String {
    match fanout {
        None => String::new(),
        Some(Fanout::Allowed(allowed)) => format!("fanout = {allowed}"),
        Some(Fanout::AtMost(most)) => format!("fanout = {most}"),
    }
}

pub(super) fn handler(handler: &Binding) -> String {
    let Binding {
        action: _,
        priority,
        on_error,
        mode,
        timeout_ms,
        legacy: _,
    } = handler;
    let mut details = vec![format!("priority = {priority}")];
    match (mode, on_error) {
        (Mode::Observe, _) => details.push("mode = \"observe\"".to_owned()),
        (Mode::Chain, OnError::Deny) => details.push("on_error = \"deny\"".to_owned()),
        (Mode::Chain, OnError::Continue) => details.push("on_error = \"continue\"".to_owned()),
    }
    if let Some(timeout) = timeout_ms {
        details.push(format!("timeout_ms = {timeout}"));
    }
    details.join(", ")
}

/// None for the default.
pub(super) fn isolation(isolation: Isolation) -> Option<&'static str> {
    match isolation {
        Isolation::Principal => None,
        Isolation::Call => Some("each call has a fresh instance"),
        Isolation::Shared => Some("its memory passes from one principal to another"),
    }
}

pub(super) fn mcp_server(server: &McpServer) -> String {
    let McpServer {
        id: _,
        description,
        kind,
        command,
        args,
    } = server;
    let mut details = vec![match kind {
        McpKind::WasmIpc => "over its topics".to_owned(),
        McpKind::Stdio => {
            let words: Vec<_> = command
                .iter()
                .chain(args)
                .map(|word| quoted(word))
                .collect();
            format!("starts {}", words.join(" "))
        }
    }];
    details.extend(description.as_deref().map(quoted));
    details.join(", ")
}

pub(super) fn tool(tool: &Tool) -> String {
    let Tool {
        name: _,
        description_for_llm,
        input_schema_wit: _,
        mutable,
    } = tool;
    let changes = mutable.then(|| "changes things".to_owned());
    let told = description_for_llm.as_deref().map(quoted);
    changes
        .into_iter()
        .chain(told)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A file of the package, with its content's hash: another content is another detail.
pub(super) fn file(path: &str, files: &Files) -> String {
    match files.get(&crate::package::files::plain(path)) {
        Some(hash) => format!("{path}, BLAKE3 {}", &hash.as_str()[..DIGITS]),
        None => format!("{path}, which is not in the package"),
    }
}

pub(super) fn command(command: &Command, files: &Files) -> String {
    let Command {
        name: _,
        description,
        file,
        kind,
    } = command;
    let mut details = vec![word(kind)];
    details.extend(description.as_deref().map(quoted));
    details.extend(file.as_deref().map(|path| self::file(path, files)));
    details.join(", ")
}

/// The type, what a person is asked, and what the value is otherwise.
pub(super) fn env(asked: &EnvKey) -> String {
    let EnvKey {
        kind,
        request,
        description,
        default,
        enum_values,
        placeholder: _,
        options_from,
    } = asked;
    let mut details = vec![kind.as_str().to_owned()];
    if let Some(request) = request {
        details.push(format!("asks {}", quoted(request)));
    }
    details.extend(description.as_deref().map(quoted));
    if !enum_values.is_empty() {
        let values: Vec<_> = enum_values.iter().map(|value| quoted(value)).collect();
        details.push(format!("one of {}", values.join(" ")));
    }
    match options_from {
        None => {}
        Some(OptionsFrom::Named(name)) => details.push(format!("choices from {name}")),
        Some(OptionsFrom::Http(request)) => {
            let with = request.bearer.as_ref();
            let with = with.map_or_else(String::new, |key| format!(" with the value of {key}"));
            details.push(format!("choices from {}{with}", request.http));
        }
    }
    if let Some(default) = default {
        let default = serde_json::to_value(default).unwrap_or_default();
        details.push(format!("default {default}"));
    }
    details.join(", ")
}
