//! `etc/profiles/<principal>.toml`: whether a principal may be acted for, and its ceilings.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::limits::principal::STORAGE;
use crate::names::CapsuleName;

/// What the operator says of a principal. A principal without a file has the default one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrincipalProfile {
    /// Calls for a disabled principal are refused.
    pub enabled: bool,
    /// Ceilings for calls on its behalf; the least of these, the manifest's and the call's own counts.
    pub limits: PrincipalLimits,
    /// The capsules that may be called for it, tools and events included; unset, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capsules: Option<BTreeSet<CapsuleName>>,
    /// What it may do besides.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub rights: BTreeSet<Right>,
}

/// Something that a principal may do besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Right {
    /// Reads the record of what all principals did. There is none yet.
    #[serde(rename = "audit:read_all")]
    AuditReadAll,
}

impl PrincipalProfile {
    /// Whether a capsule may be called for it.
    pub fn may_call(&self, capsule: &CapsuleName) -> bool {
        let listed = self.capsules.as_ref();
        listed.is_none_or(|listed| listed.contains(capsule))
    }
}

impl Default for PrincipalProfile {
    fn default() -> Self {
        Self {
            enabled: true,
            limits: PrincipalLimits::default(),
            capsules: None,
            rights: BTreeSet::new(),
        }
    }
}

/// Ceilings of one principal; what isn't set isn't lowered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrincipalLimits {
    /// Linear memory of all instances together, in bytes. One alone never has more than its manifest and the operator
    /// allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// CPU time of a call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Wall time of a call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Bytes of files, keys and values with all capsules; 1 GiB unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<u64>,
    /// Events in flight; 256 unless set, and never more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Bytes a second that all capsules together publish for it; each may publish 10 MiB. A message counts as its payload
    /// and 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_bytes: Option<u64>,
    /// Child processes, background and persistent together. No host starts any yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// HTTP streams that are open at once. No host opens any yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<u64>,
}

impl PrincipalLimits {
    /// Bytes of files, keys and values that it may keep with all capsules.
    pub fn storage(&self) -> u64 {
        self.storage.unwrap_or(STORAGE)
    }
}
