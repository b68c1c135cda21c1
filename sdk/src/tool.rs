//! Calling a tool: reading its call, telling of it, publishing its result. The shapes are those that peers on the bus
//! know; the dispatch that `#[capsule]` generates is the only user.

use core::{fmt, marker::PhantomData};
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{bounded, ipc, json, log, offer::Value, verdict::Answer};

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
    arguments: Option<Named<A>>,
}

/// Arguments by their names. What serde derives for a struct would take an array, too, by position.
struct Named<A>(A);

impl<'de, A: Deserialize<'de>> Deserialize<'de> for Named<A> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object<A>(PhantomData<A>);

        impl<'de, A: Deserialize<'de>> Visitor<'de> for Object<A> {
            type Value = Named<A>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the arguments by their names")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
                A::deserialize(MapAccessDeserializer::new(map)).map(Named)
            }
        }

        from.deserialize_map(Object(PhantomData))
    }
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

/// The most bytes of an argument's name that is told where there is none of that name.
const MAX_ARGUMENT: usize = 256;

/// Calls a tool. What goes wrong is a result too, one that says so: whoever called (a model, mostly) is to read it and
/// try again.
pub fn call(
    name: &str,
    payload: &[u8],
    function: impl FnOnce() -> Result<String, String>,
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
    finish(name, &call.call_id, function())
}

const MISFIT: &str = "the arguments don't fit";

/// Reads the arguments of a call. `known` names them where reading doesn't see to it that there are no others.
pub fn arguments<A: DeserializeOwned>(
    payload: &[u8],
    known: Option<&[String]>,
) -> Result<A, String> {
    let misfit = format_args!("{MISFIT}");
    let read: Arguments<A> = json::read(misfit, payload)?;
    if let Some(known) = known {
        only(known, payload)?;
    }
    match read.arguments {
        Some(Named(arguments)) => Ok(arguments),
        // Left out: the same as none at all.
        None => json::read(misfit, b"{}"),
    }
}

/// Whether there are no other arguments than these.
fn only(known: &[String], payload: &[u8]) -> Result<(), String> {
    let given: Arguments<BTreeMap<String, IgnoredAny>> =
        json::read(format_args!("{MISFIT}"), payload)?;
    let names = given.arguments.into_iter().flat_map(|Named(names)| names);
    match names.into_iter().find(|(name, _)| !known.contains(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let name = bounded::excerpt(name, MAX_ARGUMENT);
            Err(format!(
                "{MISFIT} at `arguments.{name}`: unknown field `{name}`, expected one of `{}`",
                known.join("`, `")
            ))
        }
    }
}

/// The names of all arguments that there are; none where others are taken, too.
pub fn known<A: JsonSchema>() -> Option<Vec<String>> {
    let schema = schema::<A>();
    let closed = schema.get("additionalProperties") == Some(&false.into());
    let properties = schema.get("properties")?.as_object()?;
    closed.then(|| properties.keys().cloned().collect())
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
        Self {
            name,
            description,
            input_schema: schema::<A>().to_value(),
        }
    }
}

/// The schema of arguments. One that only lists properties takes no others, and says so.
fn schema<A: JsonSchema>() -> Schema {
    // Everything in its place: models read a schema better that refers to nothing.
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<A>();
    schema.remove("title");
    let object = schema.ensure_object();
    object
        .entry("properties")
        .or_insert_with(|| serde_json::Map::new().into());
    let plain = ["type", "properties", "required", "description"];
    if object.keys().all(|key| plain.contains(&key.as_str())) {
        object.insert("additionalProperties".into(), false.into());
    }
    schema
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
    match description.to_json() {
        Ok(text) if text.len() > ipc::MAX_PAYLOAD => Answer::Deny(format!(
            "the tools are described with {} bytes, more than {}: describe them and their arguments in fewer words",
            text.len(),
            ipc::MAX_PAYLOAD
        )),
        told => crate::offer::command(told),
    }
}
