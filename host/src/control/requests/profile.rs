//! Shows what the operator says of a principal and what it uses, changes it, and removes the principal.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Ask;
use super::storage::purge;
use crate::control::operator::{Hold, Operator};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Remarks};
use crate::kind::ErrorKind;
use crate::names::{CapsuleName, PrincipalId};
use crate::principal::{PrincipalLimits, ProfileChange};

/// Shows a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowPrincipal {
    /// Its name.
    pub name: PrincipalId,
}

/// What is said of a principal, and what it uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownPrincipal {
    /// Its name.
    pub name: PrincipalId,
    /// Whether calls for it are taken.
    pub enabled: bool,
    /// The capsules that may be called for it; none is all.
    pub capsules: Option<BTreeSet<CapsuleName>>,
    /// What its profile lowers.
    pub limits: PrincipalLimits,
    /// Bytes of files, keys and values that it may have.
    pub storage_limit: u64,
    /// Bytes of files, keys and values that it has.
    pub storage_used: u64,
    /// What it uses of the host that runs; none where none does.
    pub running: Option<PrincipalUse>,
}

/// What a principal uses of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrincipalUse {
    /// Bytes of linear memory of all of its instances.
    pub memory: u64,
    /// The most that these were.
    pub memory_peak: u64,
    /// Events in flight.
    pub events: u64,
    /// The most that were.
    pub events_peak: u64,
}

/// Changes a profile: only what is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPrincipal {
    /// Its name.
    pub name: PrincipalId,
    /// What changes.
    pub change: ProfileChange,
}

/// Removes a principal, with its files and its profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovePrincipal {
    /// Its name.
    pub name: PrincipalId,
    /// Whether keys and values that capsules keep for it go, too.
    pub purge: bool,
}

impl Ask for ShowPrincipal {
    type Reply = ShownPrincipal;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<ShownPrincipal, Problem> {
        let of_principal = |error| Problem::of_principal(&by.home, &self.name, error);
        let found = by.principals().read(&self.name).map_err(of_principal)?;
        let kept = by.kv()?.used(&self.name).await?;
        let files = Arc::clone(found.account.files());
        let storage_used = kept.saturating_add(by.on_disk(move |_| files.used()).await?);
        let profile = found.profile;
        let running = by.run().map(|running| {
            let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            let account = &found.account;
            let events = running.host.events_in_flight(&self.name);
            PrincipalUse {
                memory: wide(account.memory()),
                memory_peak: wide(account.memory_peak()),
                events: wide(events),
                events_peak: wide(account.events_peak().max(events)),
            }
        });
        Ok(ShownPrincipal {
            running,
            enabled: profile.enabled,
            capsules: profile.capsules,
            storage_limit: profile.limits.storage(),
            limits: profile.limits,
            storage_used,
            name: self.name,
        })
    }
}

impl Ask for SetPrincipal {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::of_principal(&self.name)
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        by.lock()?;
        by.exists(&self.name)?;
        Ok(by.principals().change(&self.name, &self.change)?)
    }
}

impl Ask for RemovePrincipal {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        by.lock()?;
        let name = &self.name;
        by.exists(name)?;
        if *name == PrincipalId::default_principal() {
            return Err(Problem::new(
                ErrorKind::Policy,
                format!("{name} is in every home, and cannot be removed"),
            )
            .hint(format!("disable it: astrid principal disable {name}")));
        }
        let kept = by.kv()?.used(name).await?;
        let (env, of) = (by.env()?, name.clone());
        let secrets = by.on_disk(move |_| env.secrets_of(&of)).await??;
        if (kept > 0 || secrets > 0) && !self.purge {
            let message = match secrets {
                0 => format!("capsules keep {kept} bytes for {name}"),
                1 => format!("capsules keep {kept} bytes and a secret for {name}"),
                _ => format!("capsules keep {kept} bytes and {secrets} secrets for {name}"),
            };
            return Err(Problem::new(ErrorKind::Policy, message).hint(format!(
                "remove it with them: astrid principal remove {name} --purge"
            )));
        }
        // First the principal: nothing is written for it any more.
        by.principals().remove(name)?;
        purge(by, |scope| scope.principal == *name).await?;
        let (env, of) = (by.env()?, name.clone());
        Ok(by.on_disk(move |_| env.purge_secrets_of(&of)).await??)
    }
}
