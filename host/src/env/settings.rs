//! What is set, for people to look at. No value of a secret is in it.

use serde::{Deserialize, Serialize};

use super::{Env, EnvError, plain};
use crate::manifest::{CapsuleManifest, EnvKind};
use crate::names::{CapsuleName, PrincipalId};

/// A key of a capsule, and where its value for a principal comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// Its type; none where the manifest does not declare it, or the capsule is not installed.
    pub kind: Option<String>,
    /// What it is for, as the manifest says; guest-controlled.
    pub description: Option<String>,
    /// The value that a call sees; none where there is none, and where it is a secret.
    pub value: Option<String>,
    /// Where it comes from; none where there is none.
    pub from: Option<SettingFrom>,
}

impl Setting {
    /// Whether it is a secret.
    pub fn is_secret(&self) -> bool {
        self.kind.as_deref() == Some(EnvKind::Secret.as_str())
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingFrom {
    /// It is set for the principal.
    Principal,
    /// It is set for all principals.
    Host,
    /// The manifest's default.
    Default,
}

impl Env {
    /// The keys of a capsule for a principal or, with `None`, host-wide: those that its manifest declares, in the order of
    /// their names, and what is set beside them.
    ///
    /// # Errors
    /// [`EnvError`].
    pub fn settings(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        manifest: Option<&CapsuleManifest>,
    ) -> Result<Vec<Setting>, EnvError> {
        let of_host = self.overlay(None, capsule).read()?;
        let own = match principal {
            Some(_) => self.overlay(principal, capsule).read()?,
            None => Default::default(),
        };
        let declared = manifest.into_iter().flat_map(|manifest| &manifest.env);
        let mut settings = Vec::new();
        for (key, declared) in declared {
            let default = || {
                let default = serde_json::to_value(declared.default.as_ref()?).ok()?;
                Some((default, SettingFrom::Default))
            };
            let set = own.get(key).map(|value| (value, SettingFrom::Principal));
            let set = set.or_else(|| of_host.get(key).map(|value| (value, SettingFrom::Host)));
            let found = set
                .map(|(value, from)| (value.clone(), from))
                .or_else(default);
            let (value, from) = found.unzip();
            let is_secret = declared.kind == EnvKind::Secret;
            let kept = match is_secret {
                true => self.kept_where(principal, capsule, key)?,
                false => None,
            };
            settings.push(Setting {
                key: key.clone(),
                kind: Some(declared.kind.as_str().to_owned()),
                description: declared.description.clone(),
                value: value.filter(|_| !is_secret).map(plain),
                from: kept.or(from),
            });
        }
        let (own, of_host) = (
            own.into_iter()
                .map(|(key, value)| (key, value, SettingFrom::Principal)),
            of_host
                .into_iter()
                .map(|(key, value)| (key, value, SettingFrom::Host)),
        );
        for (key, value, from) in own.chain(of_host) {
            if settings.iter().all(|setting| setting.key != key) {
                settings.push(Setting {
                    key,
                    kind: None,
                    description: None,
                    value: Some(plain(value)),
                    from: Some(from),
                });
            }
        }
        settings.extend(self.undeclared_secrets(principal, capsule, manifest)?);
        settings.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(settings)
    }

    /// Where a secret is kept, if it is.
    fn kept_where(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<Option<SettingFrom>, EnvError> {
        if principal.is_some() && self.secrets.get(principal, capsule, key)?.is_some() {
            return Ok(Some(SettingFrom::Principal));
        }
        let of_host = self.secrets.get(None, capsule, key)?;
        Ok(of_host.map(|_| SettingFrom::Host))
    }

    /// The secrets that are kept for a principal or host-wide, and that the manifest does not declare.
    fn undeclared_secrets(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        manifest: Option<&CapsuleManifest>,
    ) -> Result<Vec<Setting>, EnvError> {
        let is_declared = |key: &String| {
            let declared = manifest.and_then(|manifest| manifest.env.get(key));
            declared.is_some_and(|declared| declared.kind == EnvKind::Secret)
        };
        let mut found = Vec::<Setting>::new();
        for (whose, from) in [
            (principal, SettingFrom::Principal),
            (None, SettingFrom::Host),
        ] {
            if from == SettingFrom::Principal && whose.is_none() {
                continue;
            }
            for key in self.secrets.keys(whose, capsule)? {
                if !is_declared(&key) && found.iter().all(|setting| setting.key != key) {
                    found.push(Setting {
                        key,
                        kind: Some(EnvKind::Secret.as_str().to_owned()),
                        description: None,
                        value: None,
                        from: Some(from),
                    });
                }
            }
        }
        Ok(found)
    }
}
