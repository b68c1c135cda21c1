//! Lists principals, adds them, disables and enables them.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::{Hold, Operator};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Remarks};
use crate::names::PrincipalId;

/// Lists the principals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principals {}

/// A principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPrincipal {
    /// Its name.
    pub name: PrincipalId,
    /// Whether calls for it are taken.
    pub enabled: bool,
    /// Why they are not where its profile can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

impl Ask for Principals {
    type Reply = Vec<ListedPrincipal>;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<Vec<ListedPrincipal>, Problem> {
        let all = by.principals();
        let listed = all.names()?.into_iter().map(|name| {
            let (enabled, error) = match all.read(&name) {
                Ok(principal) => (principal.profile.enabled, None),
                Err(error) => (false, Some(error.into())),
            };
            ListedPrincipal {
                name,
                enabled,
                error,
            }
        });
        Ok(listed.collect())
    }
}

/// Adds a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddPrincipal {
    /// Its name.
    pub name: PrincipalId,
}

impl Ask for AddPrincipal {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        by.lock()?;
        Ok(by.principals().add(&self.name)?)
    }
}

/// Refuses calls for a principal from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisablePrincipal {
    /// Its name.
    pub name: PrincipalId,
}

impl Ask for DisablePrincipal {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::of_principal(&self.name)
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        by.lock()?;
        by.exists(&self.name)?;
        Ok(by.principals().disable(&self.name)?)
    }
}

/// Lets a principal be called for again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnablePrincipal {
    /// Its name.
    pub name: PrincipalId,
}

impl Ask for EnablePrincipal {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::of_principal(&self.name)
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        by.lock()?;
        by.exists(&self.name)?;
        Ok(by.principals().enable(&self.name)?)
    }
}
