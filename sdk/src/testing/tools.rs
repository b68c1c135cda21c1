//! Calling a capsule's tools in a test, as a model would.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Host, Kind, LogLine};
use crate::private::Capsule;

/// What came of calling a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolOutcome {
    /// What the model is given.
    pub content: String,
    /// Whether it says what went wrong.
    pub is_error: bool,
    /// What the tool logged during this call.
    pub logs: Vec<LogLine>,
}

impl Host {
    /// Calls a tool with its arguments, an object. A tool that isn't there is an error result.
    pub fn call_tool(
        &self,
        capsule: &impl Capsule,
        name: &str,
        arguments: &impl Serialize,
    ) -> ToolOutcome {
        #[derive(Serialize)]
        struct Call<'a, A> {
            r#type: &'a str,
            call_id: &'a str,
            tool_name: &'a str,
            arguments: &'a A,
        }
        #[derive(Deserialize)]
        struct Finished {
            result: Content,
        }
        #[derive(Deserialize)]
        struct Content {
            content: String,
            is_error: bool,
        }
        let call = Call {
            r#type: "tool_execute_request",
            call_id: "call-1",
            tool_name: name,
            arguments,
        };
        let outcome = self.invoke(capsule, &format!("tool_execute_{name}"), &call);
        let finished = match outcome.verdict {
            Kind::Final => outcome.data.map(serde_json::from_value::<Finished>),
            _ => None,
        };
        let result = match finished {
            Some(Ok(finished)) => finished.result,
            _ => Content {
                content: outcome
                    .reason
                    .unwrap_or_else(|| "the answer is no result of a tool".into()),
                is_error: true,
            },
        };
        ToolOutcome {
            content: result.content,
            is_error: result.is_error,
            logs: outcome.logs,
        }
    }

    /// What the capsule tells of its tools: their names, descriptions and schemas; `null` if it has none, a text if they
    /// can't be told.
    pub fn describe_tools(&self, capsule: &impl Capsule) -> Value {
        let outcome = self.invoke(capsule, "tool_describe", &json!({}));
        match outcome.verdict {
            Kind::Final => outcome.data.unwrap_or_default(),
            Kind::Deny => outcome.reason.into(),
            _ => Value::Null,
        }
    }
}
