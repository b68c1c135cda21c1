//! Tools and commands: what callers, models and peers on the bus get of them.

use std::{collections::BTreeMap, fmt};

use astrid_sdk::{
    Capsule, ipc,
    prelude::*,
    schemars::JsonSchema,
    testing::{Host, Kind, ToolOutcome},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "astrid_sdk::schemars")]
struct Place {
    /// Degrees north.
    latitude: f64,
}

#[derive(Serialize)]
struct Sum {
    sum: i64,
}

struct Broken;

/// A `Result` by another name, of what can't be written as JSON but for its value.
type Chance = core::result::Result<(), Broken>;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is broken")
    }
}

#[derive(Default)]
struct Workshop;

/// A workshop.
///
/// It makes things.
#[capsule]
impl Workshop {
    /// Adds two numbers.
    ///
    /// They are "whole".
    #[astrid::tool]
    fn add(
        &self,
        /// The first of them.
        a: i64,
        #[serde(default)] b: i64,
    ) -> Sum {
        Sum { sum: a + b }
    }

    /// Tells where a place is.
    #[astrid::tool("where-is", mutable = true)]
    fn where_is(place: Place, label: Option<String>) -> Result<String> {
        if place.latitude > 90.0 {
            return Err("no such place".into());
        }
        Ok(format!("{}: {}", label.unwrap_or_default(), place.latitude))
    }

    #[astrid::tool("rest", description = "Does nothing.")]
    fn does_nothing(&self) {}

    /// Breaks.
    #[astrid::tool]
    fn r#break(&self) -> std::result::Result<(), Broken> {
        Err(Broken)
    }

    /// Fails, or not.
    #[astrid::tool]
    fn chance(&self, #[serde(rename = "given")] _given: bool, _other: Option<u8>) -> Chance {
        if _given { Ok(()) } else { Err(Broken) }
    }

    /// Takes whatever comes.
    #[astrid::tool]
    fn open(&self, #[serde(flatten)] all: BTreeMap<String, Value>) -> usize {
        all.len()
    }

    /// Says it again, many times.
    #[astrid::tool]
    fn repeat(&self, #[serde(flatten)] arguments: Repeat) -> String {
        arguments.text.repeat(arguments.times)
    }

    /// Tells how things are.
    #[astrid::command(kind = "cli")]
    fn status(&self) -> &'static str {
        "all is well"
    }

    #[astrid::command("set", description = "Sets something.")]
    fn set(&self, value: u32) -> Result<Sum, Broken> {
        if value > 9 {
            return Err(Broken);
        }
        Ok(Sum { sum: value.into() })
    }

    #[astrid::hook]
    fn watch(&self) {}
}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "astrid_sdk::schemars")]
struct Repeat {
    text: String,
    times: usize,
}

fn call(name: &str, arguments: Value) -> ToolOutcome {
    Host::new().call_tool(&Workshop, name, &arguments)
}

fn check(name: &str, arguments: Value, content: &str, is_error: bool) {
    let outcome = call(name, arguments);
    assert_eq!(
        (outcome.content.as_str(), outcome.is_error),
        (content, is_error)
    );
}

#[test]
fn a_value_is_json_a_text_is_itself_and_nothing_is_nothing() {
    check("add", json!({ "a": 2, "b": 3 }), r#"{"sum":5}"#, false);
    let place = json!({ "place": { "latitude": 60.5 }, "label": "Os\"lo" });
    check("where-is", place, "Os\"lo: 60.5", false);
    check("rest", json!({}), "", false);
}

#[test]
fn arguments_may_be_left_out_where_they_may() {
    check("add", json!({ "a": 2 }), r#"{"sum":2}"#, false);
    check(
        "where-is",
        json!({ "place": { "latitude": 1.0 } }),
        ": 1",
        false,
    );
    check("rest", json!(null), "", false);
    let outcome = Host::new().invoke(&Workshop, "tool_execute_rest", &json!({}));
    assert_eq!(outcome.verdict, Kind::Final);
}

#[test]
fn one_struct_may_hold_all_arguments() {
    check("repeat", json!({ "text": "ab", "times": 2 }), "abab", false);
}

#[test]
fn a_result_is_one_by_whatever_name() {
    check("chance", json!({ "given": true }), "", false);
    check("chance", json!({ "given": false }), "it is broken", true);
}

#[test]
fn a_parameter_that_is_not_used_is_known_without_its_underscore() {
    check("chance", json!({ "given": true, "other": 5 }), "", false);
    let outcome = call("chance", json!({ "given": true, "_other": 5 }));
    assert!(outcome.content.contains("unknown field `_other`"));
}

#[test]
fn arguments_that_are_not_there_are_told_by_name() {
    for (name, known) in [("add", "`a` or `b`"), ("repeat", "one of `text`, `times`")] {
        let arguments = json!({ "a": 1, "text": "x", "times": 1, "zeal": 7 });
        let mut arguments = arguments.as_object().unwrap().clone();
        arguments.retain(|key, _| key == "zeal" || known.contains(&format!("`{key}`")));
        let outcome = call(name, arguments.into());
        assert!(outcome.is_error, "{name}");
        let expected = format!(
            "the arguments don't fit at `arguments.zeal`: unknown field `zeal`, expected {known}"
        );
        assert!(
            outcome.content.starts_with(&expected),
            "{}",
            outcome.content
        );
    }
    let long = call(
        "repeat",
        json!({ "text": "x", "times": 1, "z".repeat(100_000): 1 }),
    );
    assert!(long.is_error && long.content.len() < 2_000);
    check("open", json!({ "any": 1, "thing": 2 }), "2", false);
}

#[test]
fn arguments_by_position_do_not_fit() {
    for (name, arguments) in [
        ("add", json!([1, 2])),
        ("rest", json!([])),
        ("repeat", json!(["x", 1])),
    ] {
        let outcome = call(name, arguments);
        assert!(outcome.is_error, "{name}");
        let expected =
            "the arguments don't fit at `arguments`: invalid type: sequence, expected an object";
        assert!(outcome.content.starts_with(expected), "{}", outcome.content);
    }
}

#[test]
fn an_error_is_a_result_that_says_so() {
    check(
        "where-is",
        json!({ "place": { "latitude": 91 } }),
        "no such place",
        true,
    );
    check("break", json!({}), "it is broken", true);
}

#[test]
fn arguments_that_do_not_fit_are_told_to_the_caller() {
    let starts = |arguments: Value, start: &str| {
        let outcome = call("where-is", arguments);
        assert!(outcome.is_error);
        assert!(outcome.content.starts_with(start), "{}", outcome.content);
    };
    starts(
        json!({ "place": { "latitude": "north" } }),
        "the arguments don't fit at `arguments.place.latitude`: invalid type: string",
    );
    starts(
        json!({}),
        "the arguments don't fit at `arguments`: missing field `place`",
    );
    starts(
        json!(null),
        "the arguments don't fit: missing field `place`",
    );
    starts(
        json!("x"),
        "the arguments don't fit at `arguments`: invalid type: string \"x\", expected an object with the arguments by their names",
    );
}

#[test]
fn a_result_is_answered_and_published_as_peers_know_it() {
    let host = Host::new();
    let call = json!({
        "type": "tool_execute_request", "call_id": "c7", "tool_name": "add", "arguments": { "a": 1 },
    });
    let outcome = host.invoke(&Workshop, "tool_execute_add", &call);
    let result = json!({
        "type": "tool_execute_result",
        "call_id": "c7",
        "result": { "call_id": "c7", "content": r#"{"sum":1}"#, "is_error": false },
    });
    assert_eq!(
        (outcome.verdict, outcome.data),
        (Kind::Final, Some(result.clone()))
    );
    let published = host.published();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].topic, "tool.v1.execute.add.result");
    assert_eq!(published[0].read::<Value>(), Ok(result));
}

#[test]
fn a_result_that_cannot_be_published_is_answered_all_the_same() {
    let topic = "tool.v1.execute.add.result";
    let denied = ipc::Error::CapabilityDenied(ipc::Denied::Publish(topic.into()));
    let host = Host::new().refuse_publish(topic, denied);
    let outcome = host.call_tool(&Workshop, "add", &json!({ "a": 1 }));
    assert_eq!(outcome.content, r#"{"sum":1}"#);
    assert!(
        outcome.logs[0]
            .message
            .contains("tool.v1.execute.add.result")
    );
}

#[test]
fn a_result_that_is_too_large_is_an_error() {
    let outcome = call("repeat", json!({ "text": "abcd", "times": 1 << 18 }));
    assert!(outcome.is_error);
    assert_eq!(outcome.content, "the result has more than 1 MiB");
}

#[test]
fn a_payload_that_is_no_call_is_a_deny() {
    let outcome = Host::new().invoke(&Workshop, "tool_execute_add", &json!({ "call_id": 7 }));
    assert_eq!(outcome.verdict, Kind::Deny);
    let reason = outcome.reason.unwrap();
    assert!(
        reason.starts_with("the payload is no call of the tool `add` at `call_id`"),
        "{reason}"
    );
}

#[test]
fn the_id_of_a_call_has_256_bytes_at_most() {
    let call = |bytes| {
        let call = json!({ "call_id": "\u{1}".repeat(bytes), "arguments": { "a": 1 } });
        Host::new().invoke(&Workshop, "tool_execute_add", &call)
    };
    assert_eq!(call(256).verdict, Kind::Final);
    let outcome = call(100_000);
    assert_eq!(outcome.verdict, Kind::Deny);
    assert_eq!(
        outcome.reason.as_deref(),
        Some(
            "the payload is no call of the tool `add` at `call_id`: it has 100000 bytes, more than 256"
        )
    );
}

#[test]
fn tools_are_described_with_their_documentation() {
    assert_eq!(
        Host::new().describe_tools(&Workshop),
        json!({
            "description": "A workshop.\n\nIt makes things.",
            "tools": [
                {
                    "name": "add",
                    "description": "Adds two numbers.\n\nThey are \"whole\".",
                    "input_schema": {
                        "type": "object",
                        "properties": {
                            "a": { "type": "integer", "format": "int64", "description": "The first of them." },
                            "b": { "type": "integer", "format": "int64", "default": 0 },
                        },
                        "required": ["a"],
                        "additionalProperties": false,
                    },
                },
                {
                    "name": "where-is",
                    "description": "Tells where a place is.",
                    "input_schema": {
                        "type": "object",
                        "properties": {
                            "place": {
                                "type": "object",
                                "properties": {
                                    "latitude": { "type": "number", "format": "double", "description": "Degrees north." },
                                },
                                "required": ["latitude"],
                            },
                            "label": { "type": ["string", "null"] },
                        },
                        "required": ["place"],
                        "additionalProperties": false,
                    },
                },
                {
                    "name": "rest",
                    "description": "Does nothing.",
                    "input_schema": { "type": "object", "properties": {}, "additionalProperties": false },
                },
                {
                    "name": "break",
                    "description": "Breaks.",
                    "input_schema": { "type": "object", "properties": {}, "additionalProperties": false },
                },
                {
                    "name": "chance",
                    "description": "Fails, or not.",
                    "input_schema": {
                        "type": "object",
                        "properties": {
                            "given": { "type": "boolean" },
                            "other": { "type": ["integer", "null"], "format": "uint8", "minimum": 0, "maximum": 255 },
                        },
                        "required": ["given"],
                        "additionalProperties": false,
                    },
                },
                {
                    "name": "open",
                    "description": "Takes whatever comes.",
                    "input_schema": { "type": "object", "properties": {}, "additionalProperties": true },
                },
                {
                    "name": "repeat",
                    "description": "Says it again, many times.",
                    "input_schema": {
                        "type": "object",
                        "properties": {
                            "text": { "type": "string" },
                            "times": { "type": "integer", "format": "uint", "minimum": 0 },
                        },
                        "required": ["text", "times"],
                        "additionalProperties": false,
                    },
                },
            ],
        })
    );
}

#[test]
fn a_command_answers_with_its_text_or_value() {
    let host = Host::new();
    let outcome = host.invoke(&Workshop, "status", &());
    assert_eq!(
        (outcome.verdict, outcome.data),
        (Kind::Final, Some(json!("all is well")))
    );
    let outcome = host.invoke(&Workshop, "set", &5);
    assert_eq!(
        (outcome.verdict, outcome.data),
        (Kind::Final, Some(json!({ "sum": 5 })))
    );
    let outcome = host.invoke(&Workshop, "set", &10);
    assert_eq!(outcome.reason.as_deref(), Some("it is broken"));
    let outcome = host.invoke(&Workshop, "set", &"ten");
    assert!(
        outcome
            .reason
            .unwrap()
            .starts_with("the payload doesn't fit `u32`")
    );
}

#[test]
fn the_exports_list_tools_and_commands() {
    let exports: Value = serde_json::from_str(Workshop::EXPORTS).unwrap();
    assert_eq!(exports["exports"], json!(["astrid-hook-trigger"]));
    let handlers = exports["handlers"].as_array().unwrap();
    assert_eq!(
        handlers[0],
        json!({
            "action": "tool_execute_add", "topic": "tool.v1.execute.add",
            "priority": null, "on_error": null, "mode": null,
            "tool": { "name": "add", "mutable": false },
        })
    );
    assert_eq!(handlers[1]["tool"]["mutable"], true);
    assert_eq!(
        handlers[7],
        json!({
            "action": "status", "topic": "cli.v1.command.status",
            "priority": null, "on_error": null, "mode": null,
            "command": { "name": "status", "kind": "cli" },
        })
    );
    let actions: Vec<&str> = handlers
        .iter()
        .map(|one| one["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "tool_execute_add",
            "tool_execute_where-is",
            "tool_execute_rest",
            "tool_execute_break",
            "tool_execute_chance",
            "tool_execute_open",
            "tool_execute_repeat",
            "status",
            "set",
            "watch",
            "tool_describe",
        ]
    );
}

#[test]
fn a_capsule_without_tools_tells_of_none() {
    assert_eq!(Host::new().describe_tools(&bare::Capsule), Value::Null);
}

#[capsule]
mod bare {
    #[astrid::command]
    fn hello() -> String {
        "hello".into()
    }
}
