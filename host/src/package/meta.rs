//! meta.json, beside Capsule.toml: what was installed, when, for whom, and the hashes of its component and other files.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ComponentHash, Files};

/// What an installation records. Fields of other hosts are kept out of the way: unknown ones are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The installed version.
    pub version: String,
    /// When the capsule was first installed.
    pub installed_at: Timestamp,
    /// When this version was.
    pub updated_at: Timestamp,
    /// The principal it was installed for: events of the host itself run under it.
    #[serde(default)]
    pub owner: Option<String>,
    /// Where it came from.
    #[serde(default)]
    pub source: Option<String>,
    /// What it imports from other capsules.
    #[serde(default)]
    pub imports: serde_json::Value,
    /// What it exports to other capsules.
    #[serde(default)]
    pub exports: serde_json::Value,
    /// BLAKE3 of the component; without it the capsule isn't loaded.
    #[serde(default)]
    pub wasm_hash: Option<ComponentHash>,
    /// BLAKE3 of everything else in the package, by its path in it. None in records of older hosts: then nothing but
    /// the component is covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Files>,
    /// WIT files that came with it.
    #[serde(default)]
    pub wit_files: Vec<String>,
    /// Topics with their schemas.
    #[serde(default)]
    pub topics: Vec<TopicSchema>,
    /// Who signed it.
    #[serde(default)]
    pub signer: Option<String>,
    /// With what.
    #[serde(default)]
    pub signature: Option<String>,
}

/// A topic and the schema of its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicSchema {
    /// The topic.
    pub name: String,
    /// A JSON schema.
    #[serde(default)]
    pub schema: serde_json::Value,
}
