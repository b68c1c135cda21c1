//! Fields: what a person is asked to fill in, as messages have it.

use serde::Serialize;

use super::{Env, EnvError, plain};
use crate::manifest::{CapsuleManifest, EnvKey, EnvKind};
use crate::names::PrincipalId;

/// A value that a capsule wants to be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its key in `[env]`.
    pub key: String,
    /// The question; the key itself where the manifest has none.
    pub prompt: String,
    /// What it is for.
    pub description: Option<String>,
    /// What sort of value it is.
    pub field_type: FieldType,
    /// The value that is proposed.
    pub default: Option<String>,
    /// What an empty field shows.
    pub placeholder: Option<String>,
}

/// What sort of value a field has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum FieldType {
    /// One text.
    Text,
    /// One that nobody else may see.
    Secret,
    /// One of these.
    Enum(Vec<String>),
    /// Any number of texts.
    Array,
}

impl Field {
    /// The field of a declared key.
    pub fn new(key: &str, declared: &EnvKey) -> Self {
        let default = declared.default.as_ref();
        let default = default.and_then(|value| serde_json::to_value(value).ok());
        Self {
            key: key.to_owned(),
            prompt: declared.request.clone().unwrap_or_else(|| key.to_owned()),
            description: declared.description.clone(),
            field_type: match declared.kind {
                EnvKind::Secret => FieldType::Secret,
                EnvKind::Array => FieldType::Array,
                EnvKind::Select if !declared.enum_values.is_empty() => {
                    FieldType::Enum(declared.enum_values.clone())
                }
                EnvKind::Boolean => FieldType::Enum(["true", "false"].map(str::to_owned).to_vec()),
                EnvKind::Select | EnvKind::Text | EnvKind::Integer | EnvKind::Number => {
                    FieldType::Text
                }
            },
            default: default.map(plain),
            placeholder: declared.placeholder.clone(),
        }
    }
}

impl Env {
    /// The keys of a capsule that have neither a default nor a value for the principal.
    ///
    /// # Errors
    /// [`EnvError`]: it cannot be said what is set.
    pub fn unset_fields(
        &self,
        principal: &PrincipalId,
        manifest: &CapsuleManifest,
    ) -> Result<Vec<Field>, EnvError> {
        let required = manifest
            .env
            .iter()
            .filter(|(_, declared)| declared.default.is_none());
        let required: Vec<_> = required.collect();
        if required.is_empty() {
            return Ok(Vec::new());
        }
        let capsule = manifest.name();
        let values = self.values(principal, capsule)?;
        let mut unset = Vec::new();
        for (key, declared) in required {
            let is_set = values.contains_key(key)
                || declared.kind == EnvKind::Secret
                    && self.secret(principal, capsule, key)?.is_some();
            if !is_set {
                unset.push(Field::new(key, declared));
            }
        }
        Ok(unset)
    }
}
