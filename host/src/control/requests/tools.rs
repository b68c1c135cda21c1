//! Lists the tools of the installed capsules.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::Operator;
use crate::control::problem::Problem;
use crate::control::remark::{Heard, MissingHome, Place, Remarks};
use crate::names::PrincipalId;
use crate::tools::Tool;

/// Lists the tools of the installed capsules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// To whom they are described.
    pub principal: PrincipalId,
}

impl Ask for Tools {
    type Reply = Vec<Tool>;

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

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<Vec<Tool>, Problem> {
        by.any_host().await?;
        by.known(&self.principal)?;
        let host = by.full_host(remarks).await?;
        Ok(host.tools(&self.principal).await)
    }
}
