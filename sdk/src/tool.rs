//! Calling a tool: reading its call, telling of it, publishing its result. The shapes are those that peers on the bus
//! know; the dispatch that `#[capsule]` generates is the only user.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{ipc, json, log, offer::Value, verdict::Answer};

/// The most bytes of a call's id. It stands in the result twice.
const MAX_CALL_ID: usize = 256;

/// A call, without its arguments.
#[derive(Deserialize)]
struct Call {
    // Who calls a tool directly needs none.
    #[serde(default)]
    call_id: String,
}

#[derive(Deserialize)]
struct Arguments<A> {
    #[serde(default = "none")]
    arguments: Option<A>,
}

/// `Option::default` by name: the derived bound would ask for `A: Default`.
fn none<T>() -> Option<T> {
    None
}

/// A result, as it is answered and published.
#[derive(Serialize)]
struct Finished<'a> {
    r#type: &'a str,
    call_id: &'a str,
    result: Outcome<'a>,
}

#[derive(Serialize)]
struct Outcome<'a> {
    call_id: &'a str,
    content: &'a str,
    is_error: bool,
}

/// Calls a tool. What goes wrong is a result too, one that says so: whoever called (a model, mostly) is to read it and
/// try again.
pub fn call<A: DeserializeOwned>(
    name: &str,
    payload: &[u8],
    function: impl FnOnce(A) -> Result<String, String>,
) -> Answer {
    let misfit = format_args!("the payload is no call of the tool `{name}`");
    let call: Call = match json::read(misfit, payload) {
        Ok(call) => call,
        Err(error) => return Answer::Deny(error),
    };
    if call.call_id.len() > MAX_CALL_ID {
        let bytes = call.call_id.len();
        return Answer::Deny(format!(
            "{misfit} at `call_id`: it has {bytes} bytes, more than {MAX_CALL_ID}"
        ));
    }
    finish(name, &call.call_id, arguments(payload).and_then(function))
}

fn arguments<A: DeserializeOwned>(payload: &[u8]) -> Result<A, String> {
    let misfit = "the arguments don't fit";
    let read: Arguments<A> = json::read(format_args!("{misfit}"), payload)?;
    match read.arguments {
        Some(arguments) => Ok(arguments),
        // Left out: the same as none at all.
        None => json::read(format_args!("{misfit}"), b"{}"),
    }
}

/// What a tool returned (its JSON) as the text that a model is given: a text as it is, nothing as nothing, anything else as
/// JSON.
pub fn content(returned: Result<String, String>) -> Result<String, String> {
    let json = returned?;
    if json == "null" {
        return Ok(String::new());
    }
    if json.starts_with('"')
        && let Ok(text) = serde_json::from_str(&json)
    {
        return Ok(text);
    }
    Ok(json)
}

fn finish(name: &str, call_id: &str, content: Result<String, String>) -> Answer {
    let mut text = finished(call_id, &content);
    if text.len() > ipc::MAX_PAYLOAD {
        text = finished(call_id, &Err("the result has more than 1 MiB".into()));
    }
    let topic = format!("tool.v1.execute.{name}.result");
    if let Err(error) = ipc::publish_json(&topic, &text) {
        log::warn!("the result is not published on `{topic}`: {error}");
    }
    Answer::Final(text)
}

fn finished(call_id: &str, content: &Result<String, String>) -> String {
    let (Ok(text) | Err(text)) = content;
    let finished = Finished {
        r#type: "tool_execute_result",
        call_id,
        result: Outcome {
            call_id,
            content: text,
            is_error: content.is_err(),
        },
    };
    // Texts and a flag: JSON holds them all.
    serde_json::to_string(&finished).unwrap_or_default()
}

/// What a capsule tells of one tool.
#[derive(Serialize)]
pub struct Tool {
    name: &'static str,
    description: &'static str,
    input_schema: serde_json::Value,
}

impl Tool {
    /// A tool that takes the fields of `A`.
    pub fn new<A: JsonSchema>(name: &'static str, description: &'static str) -> Self {
        // Everything in its place: models read a schema better that refers to nothing.
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.meta_schema = None;
            settings.inline_subschemas = true;
        });
        let mut schema = settings.into_generator().into_root_schema_for::<A>();
        schema.remove("title");
        schema
            .ensure_object()
            .entry("properties")
            .or_insert_with(|| serde_json::Map::new().into());
        Self {
            name,
            description,
            input_schema: schema.to_value(),
        }
    }
}

/// What a capsule tells of itself and its tools.
pub fn describe(description: Option<&str>, tools: &[Tool]) -> Answer {
    #[derive(Serialize)]
    struct Description<'a> {
        tools: &'a [Tool],
        description: &'a str,
    }
    let description = Description {
        tools,
        description: description.unwrap_or_default(),
    };
    crate::offer::command(description.to_json())
}
