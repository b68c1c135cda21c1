//! `etc/profiles/<principal>.toml`: whether a principal may be acted for, and its ceilings.

use serde::{Deserialize, Serialize};

/// What the operator says of a principal. A principal without a file has the default one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrincipalProfile {
    /// Calls for a disabled principal are refused.
    pub enabled: bool,
    /// Ceilings for calls on its behalf; the least of these, the manifest's and the call's own counts.
    pub limits: PrincipalLimits,
}

impl Default for PrincipalProfile {
    fn default() -> Self {
        Self {
            enabled: true,
            limits: PrincipalLimits::default(),
        }
    }
}

/// Ceilings of one principal; what isn't set isn't lowered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrincipalLimits {
    /// Linear memory of an instance, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// CPU time of a call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Wall time of a call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}
