//! Calls a tool.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::Operator;
use crate::control::problem::Problem;
use crate::control::remark::{Heard, MissingHome, Place, Remarks};
use crate::names::PrincipalId;
use crate::payload::{Payload, PayloadError};
use crate::tools::ToolAnswer;

/// Calls a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTool {
    /// The tool.
    pub tool: String,
    /// Its arguments: JSON.
    pub arguments: String,
    /// On whose behalf.
    pub principal: PrincipalId,
}

impl CallTool {
    /// A call of a tool with arguments that should be JSON.
    ///
    /// # Errors
    /// A [`Problem`] of the kind `usage` where they aren't.
    pub fn new(tool: &str, arguments: Vec<u8>, principal: &PrincipalId) -> Result<Self, Problem> {
        let arguments = Payload::from_bytes(arguments).map_err(|error| no_arguments(&error))?;
        Ok(Self {
            tool: tool.to_owned(),
            arguments: arguments.to_string(),
            principal: principal.clone(),
        })
    }

    fn payload(&self) -> Result<Payload, Problem> {
        Payload::parse(self.arguments.as_str()).map_err(|error| no_arguments(&error))
    }
}

fn no_arguments(error: &PayloadError) -> Problem {
    Problem::usage(format!("the arguments cannot be handed over: {error}"))
        .hint(r#"give an object that fits the tool's schema (astrid tools --json): --arguments '{"city": "Oslo"}'"#)
}

impl Ask for CallTool {
    type Reply = ToolAnswer;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    fn place(&self) -> Place {
        Place::Call
    }

    fn heard(&self) -> Option<Heard> {
        Some(Heard {
            principal: self.principal.clone(),
            capsule: None,
        })
    }

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<ToolAnswer, Problem> {
        let arguments = self.payload()?;
        by.any_host().await?;
        by.known(&self.principal)?;
        let host = by.full_host(remarks).await?;
        let answer = host.call_tool(&self.tool, &arguments, &self.principal);
        Ok(answer.await?)
    }
}
