//! Tells how full the store of keys and values is, makes it smaller, and removes what belongs to no installed capsule.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::{Hold, Operator};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Place, Remarks};
use crate::kind::ErrorKind;
use crate::names::{CapsuleName, PrincipalId};
use crate::package;
use crate::storage::kv::{Fullness, KvScope, KvStore, ScopeUse};

/// Scopes that are looked at in one go.
const PAGE: usize = 1_024;
/// Most scopes that are listed: the largest.
pub const LISTED_SCOPES: usize = 1_024;

/// Tells how large the store is, and of whom what is in it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// Of which capsule scopes are listed; none is of all.
    pub capsule: Option<CapsuleName>,
}

/// The store of keys and values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The file; none where nothing was stored yet, or an embedder keeps it elsewhere.
    pub file: Option<Fullness>,
    /// The largest scopes, largest first; [`LISTED_SCOPES`] at most.
    pub scopes: Vec<StoredScope>,
    /// How many there are.
    pub scope_count: usize,
}

/// What a capsule keeps for a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredScope {
    /// The capsule.
    pub capsule: CapsuleName,
    /// The principal.
    pub principal: PrincipalId,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Whether the capsule is installed and the principal there.
    pub in_use: bool,
}

/// Gives back to the system what the file does not need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compact {}

/// Looks at every page of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStorage {}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedStorage {
    /// Whether nothing was wrong; else it was repaired.
    pub whole: bool,
}

/// The size of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// Bytes before.
    pub before: u64,
    /// Bytes now.
    pub after: u64,
}

/// Removes what capsules keep that are not installed, or for principals that are not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// Of which capsule; none is of all.
    pub capsule: Option<CapsuleName>,
}

/// What is known of all scopes.
async fn scopes(by: &Operator, store: &dyn KvStore) -> Result<Vec<StoredScope>, Problem> {
    let installed = by.on_disk(package::installed).await??;
    let installed: BTreeSet<_> = installed.into_iter().collect();
    let principals: BTreeSet<_> = by.principals().names()?.into_iter().collect();
    let mut found: Vec<StoredScope> = Vec::new();
    let mut after = None;
    loop {
        let page = store.scopes(after.as_ref(), PAGE).await?;
        after = page.last().map(|last| last.scope.clone());
        let is_last = page.len() < PAGE;
        found.extend(
            page.into_iter()
                .map(|ScopeUse { scope, bytes }| StoredScope {
                    in_use: installed.contains(&scope.capsule)
                        && principals.contains(&scope.principal),
                    capsule: scope.capsule,
                    principal: scope.principal,
                    bytes,
                }),
        );
        if is_last {
            return Ok(found);
        }
    }
}

/// Removes some scopes, and answers which.
pub(super) async fn purge(
    by: &Operator,
    goes: impl Fn(&StoredScope) -> bool,
) -> Result<Vec<StoredScope>, Problem> {
    let store = by.kv()?;
    let mut purged = scopes(by, store.as_ref()).await?;
    purged.retain(goes);
    for scope in &purged {
        let scope = KvScope {
            principal: scope.principal.clone(),
            capsule: scope.capsule.clone(),
        };
        store.purge(&scope).await?;
    }
    Ok(purged)
}

impl Ask for Storage {
    type Reply = Stored;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<Stored, Problem> {
        let mut scopes = scopes(by, by.kv()?.as_ref()).await?;
        if let Some(capsule) = &self.capsule {
            scopes.retain(|scope| scope.capsule == *capsule);
        }
        scopes.sort_by_key(|scope| std::cmp::Reverse(scope.bytes));
        let scope_count = scopes.len();
        scopes.truncate(LISTED_SCOPES);
        let file = match by.kv_file()? {
            Some(file) => file.fullness().await?,
            None => None,
        };
        Ok(Stored {
            file,
            scopes,
            scope_count,
        })
    }
}

impl Ask for Compact {
    type Reply = Compacted;
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    fn place(&self) -> Place {
        Place::Call
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<Compacted, Problem> {
        let file = by.kv_file()?.ok_or_else(nothing_stored)?;
        let before = file.fullness().await?.ok_or_else(nothing_stored)?.file;
        file.compact().await?;
        let after = file.fullness().await?.ok_or_else(nothing_stored)?.file;
        Ok(Compacted { before, after })
    }
}

impl Ask for CheckStorage {
    type Reply = CheckedStorage;
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    fn place(&self) -> Place {
        Place::Call
    }

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<CheckedStorage, Problem> {
        let file = by.kv_file()?.ok_or_else(nothing_stored)?;
        file.fullness().await?.ok_or_else(nothing_stored)?;
        let whole = file.check().await?;
        Ok(CheckedStorage { whole })
    }
}

fn nothing_stored() -> Problem {
    Problem::new(ErrorKind::NotFound, "nothing is stored yet")
        .hint("a capsule that keeps something makes the file")
}

impl Ask for Purge {
    type Reply = Vec<StoredScope>;
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    fn place(&self) -> Place {
        Place::Call
    }

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<Vec<StoredScope>, Problem> {
        if let Some(capsule) = &self.capsule
            && by.on_disk(package::installed).await??.contains(capsule)
        {
            let message = format!("{capsule} is installed: what it keeps is in use");
            return Err(Problem::new(ErrorKind::Policy, message).hint(format!(
                "remove it with it: astrid remove {capsule} --purge"
            )));
        }
        let named = self.capsule.as_ref();
        purge(by, |scope| {
            !scope.in_use && named.is_none_or(|named| *named == scope.capsule)
        })
        .await
    }
}
