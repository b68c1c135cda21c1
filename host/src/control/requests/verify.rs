//! Compares installed capsules with what was installed.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::Operator;
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Remarks};
use crate::names::CapsuleName;
use crate::package::{self, ComponentHash, PackageError};

/// Looks whether installed capsules are what was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// Which one; none is all.
    pub capsule: Option<CapsuleName>,
}

/// Whether a capsule is what was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Its name.
    pub name: CapsuleName,
    /// Its version and hash, or what is wrong.
    pub whole: Result<(String, ComponentHash), Problem>,
    /// Whether its files beside the component were looked at, too: older hosts recorded no hashes of them.
    pub covered: bool,
}

impl Ask for Verify {
    type Reply = Vec<Verified>;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<Vec<Verified>, Problem> {
        let named = self.capsule;
        let verified = by.in_bulk(move |home| {
            // One that was not named is reported like any other, and hides no other.
            let is_named = named.is_some();
            let names = match named {
                Some(name) => vec![name],
                None => package::installed(home)?,
            };
            let each = names
                .into_iter()
                .map(|name| match package::verify(home, &name) {
                    Ok((meta, package)) => Ok(Verified {
                        name,
                        whole: Ok((meta.version, package.hash().clone())),
                        covered: meta.files.is_some(),
                    }),
                    Err(error @ PackageError::NotInstalled { .. }) if is_named => Err(error),
                    Err(error) => Ok(Verified {
                        name,
                        whole: Err(error.into()),
                        covered: false,
                    }),
                });
            each.collect::<Result<_, _>>()
        });
        let of_package = |error| Problem::of_package(&by.home, error);
        verified.await?.map_err(of_package)
    }
}
