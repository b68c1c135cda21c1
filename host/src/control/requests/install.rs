//! Installs a capsule, or another version of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::{Hold, Operator, not_ready};
use crate::control::problem::Problem;
use crate::control::remark::{Heard, Place, Remark, Remarks};
use crate::env::{Field, FieldType};
use crate::package::consent::Consent;
use crate::package::{Meta, Package, PackageError};

/// Installs a capsule, or another version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// A folder with Capsule.toml beside its component, or an archive; an absolute path.
    pub from: PathBuf,
    /// What was agreed to: the package, its source and its owner.
    pub consent: Box<Consent>,
    /// Whether what is installed under its name must also be what it was compared with. Not so where nobody was to be
    /// asked (`--yes`).
    pub as_compared: bool,
}

/// What was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledNow {
    /// Its record.
    pub meta: Meta,
    /// The version before, if there was one.
    pub previous: Option<String>,
    /// Keys of `[env]` that have neither a default nor a value for its owner.
    pub unset: Vec<UnsetKey>,
}

/// A key that is not set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsetKey {
    /// The key.
    pub key: String,
    /// Whether it is a secret.
    pub secret: bool,
}

impl From<Field> for UnsetKey {
    fn from(field: Field) -> Self {
        Self {
            secret: field.field_type == FieldType::Secret,
            key: field.key,
        }
    }
}

impl Install {
    /// Reads the package, if it is still what somebody agreed to.
    fn package(&self) -> Result<Package, Problem> {
        let package = if self.from.is_dir() {
            Package::from_folder(&self.from)?
        } else {
            Package::from_archive(&self.from)?
        };
        if self.consent.is_of(&package)? {
            return Ok(package);
        }
        let what = self.from.display().to_string();
        Err(PackageError::Changed { what }.into())
    }
}

impl Ask for Install {
    type Reply = InstalledNow;
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn place(&self) -> Place {
        Place::Call
    }

    fn heard(&self) -> Option<Heard> {
        Some(Heard {
            principal: self.consent.owner.clone(),
            capsule: Some(self.consent.package.name.clone()),
        })
    }

    async fn carry_out(
        self,
        by: &Operator,
        remarks: &impl Remarks,
    ) -> Result<InstalledNow, Problem> {
        by.known(&self.consent.owner)?;
        let lock = by.lock()?;
        let (this, package) = by
            .in_bulk(move |_| {
                let package = self.package();
                (self, package)
            })
            .await?;
        let package = package?;
        let manifest = package.manifest().clone();
        let host = by.any_host().await?;
        let agreed = &this.consent;
        let installed = host.install_shown(lock, package, agreed, this.as_compared);
        let installed = installed.await?;
        if by.run().is_some() {
            let warning = match by.loaded(host, &agreed.package.name).await {
                Ok(capsule) => not_ready(&capsule).map(|why| format!("it is installed, and {why}")),
                Err(problem) => Some(format!(
                    "it is installed, and could not be loaded: {problem}"
                )),
            };
            if let Some(warning) = warning {
                remarks.remark(Remark::Warning(warning)).await;
            }
        }
        let (env, owner) = (by.env()?, agreed.owner.clone());
        let unset = by.on_disk(move |_| env.unset_fields(&owner, &manifest));
        let unset = match unset.await? {
            Ok(fields) => fields,
            Err(error) => {
                let warning = format!("it is installed, and what is set of it is unknown: {error}");
                remarks.remark(Remark::Warning(warning)).await;
                Vec::new()
            }
        };
        Ok(InstalledNow {
            meta: installed.meta,
            previous: installed.previous,
            unset: unset.into_iter().map(UnsetKey::from).collect(),
        })
    }
}
