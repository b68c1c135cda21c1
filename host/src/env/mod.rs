//! What is set for capsules: values of the keys that a manifest declares in `[env]`, and their secrets.
//!
//! A value is set for one principal or, host-wide, for all of them. Those that are no secrets lie in an overlay, a JSON
//! file per (principal, capsule); secrets are in a [`SecretStore`](crate::storage::SecretStore). What is set is checked
//! against the manifest here; that a call sees it at once is the business of whoever resolves principals.

mod check;
mod error;
mod field;
mod overlay;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::files::FileError;
use crate::home::Home;
use crate::manifest::{CapsuleManifest, EnvKind};
use crate::names::{CapsuleName, PrincipalId};
use crate::storage::{self, KeysOf, SecretError, SecretStore};

pub use error::EnvError;
pub use field::{Field, FieldType};
pub use overlay::configured;
pub(crate) use overlay::plain;
use overlay::{Overlay, Values};
pub use settings::{Setting, SettingFrom};

/// What is set for the capsules of a home.
pub struct Env {
    home: Home,
    secrets: Arc<dyn SecretStore>,
    /// Held from reading an overlay to writing it back.
    changing: Mutex<()>,
}

impl Env {
    /// That of this home, with its secrets in `secrets`.
    pub fn new(home: Home, secrets: Arc<dyn SecretStore>) -> Self {
        Self {
            home,
            secrets,
            changing: Mutex::default(),
        }
    }

    /// The store of the secrets.
    pub fn secrets(&self) -> &Arc<dyn SecretStore> {
        &self.secrets
    }

    /// The values that are no secrets, as a capsule sees them: what is set for the principal, else host-wide.
    ///
    /// # Errors
    /// [`EnvError::Overlay`]: a file that cannot be read is not the same as none, since a guard could be open by the
    /// default of its manifest.
    pub fn values(
        &self,
        principal: &PrincipalId,
        capsule: &CapsuleName,
    ) -> Result<BTreeMap<String, String>, EnvError> {
        let mut values = self.overlay(None, capsule).read()?;
        values.extend(self.overlay(Some(principal), capsule).read()?);
        let seen = values.into_iter().map(|(key, value)| (key, plain(value)));
        Ok(seen.collect())
    }

    /// The value of a secret: what is set for the principal, else host-wide.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn secret(
        &self,
        principal: &PrincipalId,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<Option<String>, SecretError> {
        match self.secrets.get(Some(principal), capsule, key)? {
            None => self.secrets.get(None, capsule, key),
            found => Ok(found),
        }
    }

    /// Sets a value of a capsule for a principal or, with `None`, host-wide. A key of the type `array` takes any number
    /// of values, every other one.
    ///
    /// # Errors
    /// [`EnvError`]; then nothing is changed. A key of the type `secret` is refused.
    pub fn set(
        &self,
        principal: Option<&PrincipalId>,
        manifest: &CapsuleManifest,
        key: &str,
        given: &[String],
    ) -> Result<(), EnvError> {
        let declared = check::declared(manifest, key)?;
        let value = check::value(declared, manifest.name(), key, given)?;
        let overlay = self.overlay(principal, manifest.name());
        self.change(&overlay, |values| {
            values.insert(key.to_owned(), value);
        })
    }

    /// Removes a value. False if none was set there; the key need not be declared any more.
    ///
    /// # Errors
    /// [`EnvError`].
    pub fn unset(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<bool, EnvError> {
        let overlay = self.overlay(principal, capsule);
        let mut was_set = false;
        self.change(&overlay, |values| was_set = values.remove(key).is_some())?;
        Ok(was_set)
    }

    /// Sets a secret of a capsule for a principal or, with `None`, host-wide. A value of the same key in the overlay goes.
    ///
    /// # Errors
    /// [`EnvError`]; a key of another type than `secret` is refused.
    pub fn set_secret(
        &self,
        principal: Option<&PrincipalId>,
        manifest: &CapsuleManifest,
        key: &str,
        value: &str,
    ) -> Result<(), EnvError> {
        check::secret(manifest, key)?;
        let capsule = manifest.name();
        self.secrets.set(principal, capsule, key, value)?;
        self.unset(principal, capsule, key).map(drop)
    }

    /// Removes a secret. False if none was set there.
    ///
    /// # Errors
    /// [`EnvError`].
    pub fn unset_secret(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<bool, EnvError> {
        Ok(self.secrets.remove(principal, capsule, key)?)
    }

    /// Removes all that is set of a capsule, values and secrets, for every principal and host-wide.
    ///
    /// # Errors
    /// [`EnvError`]; some of it may be removed by then.
    pub fn purge(&self, capsule: &CapsuleName) -> Result<(), EnvError> {
        for KeysOf { principal, .. } in overlay::configured(&self.home, capsule)? {
            let _changing = self.changing.lock();
            self.overlay(principal.as_ref(), capsule)
                .write(&Values::new())?;
        }
        let listed = storage::kept(&self.home, capsule);
        let listed = listed.map_err(FileError::at("list", &self.home.secrets_dir()))?;
        for KeysOf { principal, keys } in listed {
            for key in keys {
                self.secrets.remove(principal.as_ref(), capsule, &key)?;
            }
        }
        Ok(())
    }

    /// How many secrets are kept for a principal.
    ///
    /// # Errors
    /// [`EnvError::Home`].
    pub fn secrets_of(&self, principal: &PrincipalId) -> Result<usize, EnvError> {
        Ok(self.kept_for(principal)?.len())
    }

    /// Removes all secrets of a principal.
    ///
    /// # Errors
    /// [`EnvError`]; some may be removed by then.
    pub fn purge_secrets_of(&self, principal: &PrincipalId) -> Result<(), EnvError> {
        for (capsule, key) in self.kept_for(principal)? {
            self.secrets.remove(Some(principal), &capsule, &key)?;
        }
        Ok(())
    }

    fn kept_for(&self, principal: &PrincipalId) -> Result<Vec<(CapsuleName, String)>, EnvError> {
        let kept = storage::kept_for(&self.home, principal);
        let kept = kept.map_err(FileError::at("list", &self.home.secrets_dir()))?;
        let kept = kept.into_iter().flat_map(|(capsule, keys)| {
            let key = move |key| (capsule.clone(), key);
            keys.into_iter().map(key)
        });
        Ok(kept.collect())
    }

    /// Moves values out of the overlays whose keys the manifest declares as secrets: an earlier version may have declared
    /// them as text. Each is in the secret store before it goes from its overlay, and one that is there already stays.
    ///
    /// # Errors
    /// [`EnvError`]; what was not moved is where it was.
    pub fn move_secrets(&self, manifest: &CapsuleManifest) -> Result<Vec<MovedSecret>, EnvError> {
        let capsule = manifest.name();
        let is_secret = |key: &String| {
            let declared = manifest.env.get(key);
            declared.is_some_and(|declared| declared.kind == EnvKind::Secret)
        };
        let mut moved = Vec::new();
        if !manifest.env.keys().any(is_secret) {
            return Ok(moved);
        }
        for KeysOf { principal, keys } in overlay::configured(&self.home, capsule)? {
            let keys: Vec<String> = keys.into_iter().filter(is_secret).collect();
            if keys.is_empty() {
                continue;
            }
            let whose = principal.as_ref();
            let overlay = self.overlay(whose, capsule);
            let values = overlay.read()?;
            for key in &keys {
                let there = self.secrets.get(whose, capsule, key)?;
                if let (None, Some(value)) = (there, values.get(key)) {
                    let value = plain(value.clone());
                    self.secrets.set(whose, capsule, key, &value)?;
                }
            }
            self.change(&overlay, |values| {
                values.retain(|key, _| !keys.contains(key));
            })?;
            moved.extend(keys.into_iter().map(|key| MovedSecret {
                principal: principal.clone(),
                key,
            }));
        }
        Ok(moved)
    }

    fn overlay(&self, principal: Option<&PrincipalId>, capsule: &CapsuleName) -> Overlay {
        Overlay::new(&self.home, principal, capsule)
    }

    fn change(&self, overlay: &Overlay, change: impl FnOnce(&mut Values)) -> Result<(), EnvError> {
        let _changing = self.changing.lock();
        let before = overlay.read()?;
        let mut values = before.clone();
        change(&mut values);
        if values == before {
            return Ok(());
        }
        overlay.write(&values)
    }
}

/// A value that was moved from an overlay to the secret store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedSecret {
    /// Whose it is; none if it is host-wide.
    pub principal: Option<PrincipalId>,
    /// Its key.
    pub key: String,
}

#[cfg(test)]
mod tests;
