//! Files of values: one JSON object per (principal or host-wide, capsule).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::EnvError;
use crate::files::{FileError, make_dir, names, read_regular, write_whole};
use crate::home::Home;
use crate::limits::principal::OVERLAY_BYTES;
use crate::names::{CapsuleName, PrincipalId};
use crate::storage::KeysOf;

/// Values by their keys.
pub(super) type Values = BTreeMap<String, serde_json::Value>;

/// One file of values.
pub(super) struct Overlay {
    path: PathBuf,
    capsule: CapsuleName,
}

impl Overlay {
    /// That of a capsule for a principal or, with `None`, host-wide.
    pub(super) fn new(home: &Home, principal: Option<&PrincipalId>, capsule: &CapsuleName) -> Self {
        let folder = match principal {
            Some(principal) => home.principal_dir(principal).join("env"),
            None => home.env_dir(),
        };
        Self {
            path: folder.join(format!("{capsule}.env.json")),
            capsule: capsule.clone(),
        }
    }

    /// The values; none where there is no file.
    pub(super) fn read(&self) -> Result<Values, EnvError> {
        read(&self.path).map_err(|reason| EnvError::Overlay {
            path: self.path.clone(),
            reason,
        })
    }

    /// Writes them all; without any, there is no file.
    pub(super) fn write(&self, values: &Values) -> Result<(), EnvError> {
        if values.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(FileError::at("remove", &self.path)(error).into())
                }
                _ => Ok(()),
            };
        }
        let text = serde_json::to_vec_pretty(values).map_err(|error| EnvError::Overlay {
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        if text.len() as u64 > OVERLAY_BYTES {
            return Err(EnvError::TooLarge {
                capsule: self.capsule.clone(),
                limit: OVERLAY_BYTES,
            });
        }
        if let Some(folder) = self.path.parent() {
            make_dir(folder)?;
        }
        Ok(write_whole(&self.path, &text)?)
    }
}

fn read(path: &Path) -> Result<Values, String> {
    match read_regular(path, OVERLAY_BYTES) {
        Ok(None) => Ok(Values::new()),
        Ok(Some(text)) => serde_json::from_slice(&text).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// For whom a capsule is configured, and with which keys. Of a file that cannot be understood the keys are unknown.
///
/// # Errors
/// The folder of the principals cannot be read.
pub fn configured(home: &Home, capsule: &CapsuleName) -> Result<Vec<KeysOf>, FileError> {
    let dir = home.principals_dir();
    let names = names(&dir).map_err(FileError::at("list", &dir))?;
    let principals = names.iter().filter_map(|name| name.parse().ok());
    let mut found = Vec::new();
    for principal in std::iter::once(None).chain(principals.map(Some)) {
        let overlay = Overlay::new(home, principal.as_ref(), capsule);
        match std::fs::symlink_metadata(&overlay.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            _ => {
                let keys = read(&overlay.path)
                    .unwrap_or_default()
                    .into_keys()
                    .collect();
                found.push(KeysOf { principal, keys });
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A value as guests see it: strings raw, anything else as JSON.
pub(crate) fn plain(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}
