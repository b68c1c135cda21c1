//! Tools: functions that capsules offer to a model, seen across all capsules that are loaded.
//!
//! A tool is a handler `tool_execute_<name>`, and `tool_describe` tells a capsule's tools. What a capsule says of its
//! tools is guest-controlled: a description that is none, or of a tool that isn't there, is left out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{Call, CallDraft, CallScope, InvalidCall, Reply, Verdict};
use crate::capsule::{CallError, Capsule};
use crate::escape;
use crate::host::Host;
use crate::kind::ErrorKind;
use crate::manifest::{CapsuleName, TOOL_ACTION as EXECUTE};
use crate::names::PrincipalId;
use crate::payload::Payload;

/// The handler that tells a capsule's tools.
const DESCRIBE: &str = "tool_describe";

/// A tool of a loaded capsule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// The capsule that offers it.
    pub capsule: CapsuleName,
    /// What it does, for the model.
    pub description: String,
    /// Its arguments, a JSON schema.
    pub input_schema: Value,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolAnswer {
    /// Its text, or any other JSON, as it was written.
    pub content: Payload,
    /// Whether the text says what went wrong.
    pub is_error: bool,
}

/// Why a tool wasn't called, or its answer is none.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// No loaded capsule offers it.
    #[error("there is no tool {name:?}")]
    NotFound {
        /// What was asked for.
        name: String,
        /// The nearest name that there is.
        nearest: Option<String>,
    },
    /// Several do.
    #[error("the tool {name:?} is offered by {}", names(capsules))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// By whom.
        capsules: Vec<CapsuleName>,
    },
    /// Its arguments can't be handed over.
    #[error(transparent)]
    Arguments(#[from] InvalidCall),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It refused.
    #[error("the tool {name:?} refused: {}", escape::line(reason))]
    Denied {
        /// The tool.
        name: String,
        /// Its words.
        reason: String,
    },
    /// What it answered is no result of a tool.
    #[error(
        "the tool {name:?} of capsule {capsule} answered what is no result: {}",
        escape::line(reason)
    )]
    NoResult {
        /// The tool.
        name: String,
        /// Its capsule.
        capsule: CapsuleName,
        /// What is wrong with it.
        reason: String,
    },
}

fn names(capsules: &[CapsuleName]) -> String {
    let names: Vec<_> = capsules.iter().map(CapsuleName::as_str).collect();
    names.join(" and ")
}

impl ToolError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Ambiguous { .. } | Self::Arguments(_) => ErrorKind::Usage,
            Self::Call(error) => error.kind(),
            Self::Denied { .. } => ErrorKind::Policy,
            Self::NoResult { .. } => ErrorKind::NoVerdict,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "see which there are: astrid tools".into(),
            }),
            Self::Ambiguous { .. } => Some("remove one of them, or invoke its handler".into()),
            Self::Arguments(error) => Some(error.hint().into()),
            Self::Call(error) => error.hint(),
            Self::Denied { .. } => None,
            Self::NoResult { .. } => {
                Some("a tool answers { call_id, result: { content, is_error } }".into())
            }
        }
    }
}

#[derive(Deserialize)]
struct Described {
    tools: Vec<DescribedTool>,
}

#[derive(Deserialize)]
struct DescribedTool {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    input_schema: Value,
}

#[derive(Serialize)]
struct Execute<'a, A: ?Sized> {
    call_id: String,
    tool_name: &'a str,
    arguments: &'a A,
}

#[derive(Deserialize)]
struct Executed {
    result: ExecutedResult,
}

#[derive(Deserialize)]
struct ExecutedResult {
    content: Payload,
    #[serde(default)]
    is_error: bool,
}

impl Host {
    /// The tools of all loaded capsules, as they are described to a principal, in the order of their names. A capsule
    /// that can't describe its own is warned about and left out.
    pub async fn tools(&self, principal: &PrincipalId) -> Vec<Tool> {
        let mut tools = Vec::new();
        for capsule in self.capsules() {
            if !capsule.handles(DESCRIBE) {
                continue;
            }
            match self.described(&capsule, principal).await {
                Ok(described) => tools.extend(described),
                Err(reason) => {
                    tracing::warn!(capsule = %capsule.name(), reason, "it doesn't tell its tools");
                }
            }
        }
        tools.sort_by(|a, b| (&a.name, &a.capsule).cmp(&(&b.name, &b.capsule)));
        tools
    }

    async fn described(
        &self,
        capsule: &Capsule,
        principal: &PrincipalId,
    ) -> Result<Vec<Tool>, String> {
        let call = Call::raw(DESCRIBE, "{}").map_err(|error| error.to_string())?;
        let reply = self.invoke(capsule, call.by(principal)).await;
        let text = match reply.map_err(|error| error.to_string())?.verdict {
            Verdict::Continue(Some(text)) | Verdict::Final(Some(text)) => text,
            Verdict::Deny(reason) => return Err(reason.unwrap_or_default()),
            _ => return Err("it answered nothing".into()),
        };
        let described: Described =
            serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let known = described
            .tools
            .into_iter()
            .filter(|tool| capsule.handles(&format!("{EXECUTE}{}", tool.name)));
        Ok(known
            .map(|tool| Tool {
                name: tool.name,
                capsule: capsule.name().clone(),
                description: tool.description,
                input_schema: tool.input_schema,
            })
            .collect())
    }

    /// Calls a tool on behalf of a principal. `arguments` are a JSON object that fits its schema; the tool says so if
    /// they don't. What is called from within a call says [`Self::call_tool_within`]: this waits for a lane, which the
    /// call itself may hold.
    ///
    /// # Errors
    /// [`ToolError`]. A tool's own error is an answer.
    pub async fn call_tool(
        &self,
        name: &str,
        arguments: &(impl Serialize + ?Sized + Sync),
        principal: &PrincipalId,
    ) -> Result<ToolAnswer, ToolError> {
        let (capsule, call) = self.tool_call(name, arguments)?;
        let reply = self.invoke(&capsule, call.by(principal)).await?;
        executed(name, &capsule, reply)
    }

    /// Calls a tool from within a call, whose [`CallContext::nesting`](crate::CallContext::nesting) is `scope`,
    /// as [`Host::invoke_within`] does: also one of the very capsule that is in that call.
    ///
    /// # Errors
    /// [`ToolError`]. A tool's own error is an answer.
    pub async fn call_tool_within(
        &self,
        scope: &CallScope,
        name: &str,
        arguments: &(impl Serialize + ?Sized + Sync),
    ) -> Result<ToolAnswer, ToolError> {
        let (capsule, call) = self.tool_call(name, arguments)?;
        let reply = self.invoke_within(scope, &capsule, call).await?;
        executed(name, &capsule, reply)
    }

    /// The capsule that offers a tool, and the call by which it is called.
    fn tool_call(
        &self,
        name: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Result<(Capsule, CallDraft), ToolError> {
        let action = format!("{EXECUTE}{name}");
        let mut offered = self.capsules();
        offered.retain(|capsule| capsule.handles(&action));
        if offered.len() > 1 {
            return Err(ToolError::Ambiguous {
                name: name.to_owned(),
                capsules: offered.iter().map(|one| one.name().clone()).collect(),
            });
        }
        let Some(capsule) = offered.pop() else {
            return Err(ToolError::NotFound {
                name: name.to_owned(),
                nearest: self.nearest_tool(name),
            });
        };
        let request = Execute {
            call_id: uuid::Uuid::new_v4().to_string(),
            tool_name: name,
            arguments,
        };
        Ok((capsule, Call::json(action, &request)?))
    }

    fn nearest_tool(&self, name: &str) -> Option<String> {
        let capsules = self.capsules();
        let tools = capsules.iter().flat_map(|capsule| {
            let handlers = capsule.binary().handlers.iter().flatten();
            handlers.filter_map(|handler| handler.action.strip_prefix(EXECUTE))
        });
        crate::nearest(name, tools).map(str::to_owned)
    }
}

/// What a tool answered, from what its handler did.
fn executed(name: &str, capsule: &Capsule, reply: Reply) -> Result<ToolAnswer, ToolError> {
    let text = match reply.verdict {
        Verdict::Continue(text) | Verdict::Final(text) => text.unwrap_or_default(),
        Verdict::Deny(reason) => {
            return Err(ToolError::Denied {
                name: name.to_owned(),
                reason: reason.unwrap_or_default(),
            });
        }
    };
    let executed: Executed = serde_json::from_str(&text).map_err(|error| ToolError::NoResult {
        name: name.to_owned(),
        capsule: capsule.name().clone(),
        reason: error.to_string(),
    })?;
    Ok(ToolAnswer {
        content: executed.result.content,
        is_error: executed.result.is_error,
    })
}
