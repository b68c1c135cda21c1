//! Values as a manifest wants them.

use serde_json::Value;

use super::EnvError;
use crate::manifest::{CapsuleManifest, EnvKey, EnvKind};
use crate::names::CapsuleName;
use crate::nearest::nearest;

/// Most characters of a value that an error shows.
const SHOWN: usize = 64;

/// The declaration of a key.
pub(super) fn declared<'a>(
    manifest: &'a CapsuleManifest,
    key: &str,
) -> Result<&'a EnvKey, EnvError> {
    manifest.env.get(key).ok_or_else(|| {
        let known = manifest.env.keys().map(String::as_str);
        EnvError::Undeclared {
            capsule: manifest.name().clone(),
            key: key.to_owned(),
            nearest: nearest(key, known).map(str::to_owned),
        }
    })
}

/// Refuses a key that is declared as something else than a secret, or not at all.
pub(super) fn secret(manifest: &CapsuleManifest, key: &str) -> Result<(), EnvError> {
    match declared(manifest, key)?.kind {
        EnvKind::Secret => Ok(()),
        kind => Err(EnvError::NotSecret {
            capsule: manifest.name().clone(),
            key: key.to_owned(),
            kind: kind.as_str(),
        }),
    }
}

/// What is kept for the values that were given: a list for an `array`, else a text.
pub(super) fn value(
    declared: &EnvKey,
    capsule: &CapsuleName,
    key: &str,
    given: &[String],
) -> Result<Value, EnvError> {
    let misfit = |value: &str, wanted: String, nearest: Option<&str>| EnvError::Misfit {
        capsule: capsule.clone(),
        key: key.to_owned(),
        value: value.chars().take(SHOWN).collect(),
        wanted,
        nearest: nearest.map(str::to_owned),
    };
    let choices = &declared.enum_values;
    let chosen = |value: &str| {
        if choices.is_empty() || choices.iter().any(|choice| choice == value) {
            return Ok(());
        }
        let nearest = nearest(value, choices.iter().map(String::as_str));
        let wanted = format!("it is one of {}", choices.join(", "));
        Err(misfit(value, wanted, nearest))
    };
    if declared.kind == EnvKind::Array {
        given.iter().try_for_each(|value| chosen(value))?;
        return Ok(given.iter().cloned().map(Value::String).collect());
    }
    let [text] = given else {
        return Err(EnvError::OneValue {
            capsule: capsule.clone(),
            key: key.to_owned(),
            given: given.len(),
        });
    };
    match declared.kind {
        EnvKind::Secret => {
            return Err(EnvError::Secret {
                capsule: capsule.clone(),
                key: key.to_owned(),
            });
        }
        EnvKind::Select => chosen(text)?,
        kind if !kind.accepts(text) => {
            let wanted = format!("its type is {}", kind.as_str());
            return Err(misfit(text, wanted, None));
        }
        _ => {}
    }
    Ok(Value::String(text.clone()))
}
