//! Reads the parts of a capsule that a linter compares with each other.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::Operator;
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Remarks};
use crate::exports;
use crate::exports::Binary;
use crate::manifest::Diagnostic;
use crate::names::CapsuleName;
use crate::package::Package;

/// Reads the parts of an installed capsule that a linter compares with each other. The linter itself is not here: what
/// it says is for authors, and no host acts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examine {
    /// The capsule.
    pub capsule: CapsuleName,
}

/// The parts of a capsule that a linter compares with each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Examined {
    /// The text of the manifest, in which no mistake was found.
    pub manifest: String,
    /// The deprecated forms in the manifest.
    pub deprecated: Vec<Diagnostic>,
    /// The component as [`analyse`](crate::exports::analyse) judges it, whatever the manifest says of entry points.
    pub binary: Binary,
}

impl Examined {
    /// Takes a package apart.
    ///
    /// # Errors
    /// [`crate::exports::BinaryError`], as a problem.
    pub fn of(package: &Package) -> Result<Self, Problem> {
        Ok(Self {
            manifest: package.manifest_text().to_owned(),
            deprecated: package.warnings().to_vec(),
            binary: exports::analyse(package.component())?,
        })
    }
}

impl Ask for Examine {
    type Reply = Examined;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<Examined, Problem> {
        let package = by.installed(&self.capsule).await?;
        by.in_bulk(move |_| Examined::of(&package)).await?
    }
}
