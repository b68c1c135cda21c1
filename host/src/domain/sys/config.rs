//! `get-config`: a key's value, in the order secret, overlay, manifest default.

use std::sync::Arc;

use super::SysView;
use super::wit::ErrorCode;
use crate::manifest::EnvKind;
use crate::policy::gates;
use crate::principal::plain;

/// Set only while an upgrade hook runs.
const PREVIOUS_VERSION: &str = "prev_version";
/// Keys that only the host may set begin so.
const RESERVED: &str = "ASTRID_";

impl SysView<'_> {
    /// The value of `key` for the caller, `None` when it isn't set.
    ///
    /// # Errors
    /// [`ErrorCode::CapabilityDenied`] for a secret and a claimed caller; what is wrong with the secret store.
    pub(super) async fn config(&self, key: &str) -> Result<Option<String>, ErrorCode> {
        if key == PREVIOUS_VERSION {
            return Ok(self.ctx.previous_version.clone());
        }
        if key.starts_with(RESERVED) {
            return Ok(None);
        }
        let declared = self.ctx.capsule.manifest.env.get(key);
        if declared.is_some_and(|env| env.kind == EnvKind::Secret) {
            self.call.gate(&gates::SECRET_CONFIG)?;
            let secret = self.secret(key).await.map_err(ErrorCode::Unknown)?;
            if secret.is_some() {
                return Ok(secret);
            }
        }
        if let Some(value) = self.call.scope.overlay(key) {
            return Ok(Some(value.to_owned()));
        }
        let default = declared.and_then(|env| env.default.as_ref());
        Ok(default
            .and_then(|value| serde_json::to_value(value).ok())
            .map(plain))
    }

    /// The principal's secret, else the host-wide one.
    async fn secret(&self, key: &str) -> Result<Option<String>, String> {
        let secrets = Arc::clone(&self.ctx.shared.secrets);
        let capsule = self.ctx.capsule.name.clone();
        let principal = self.call.principal().clone();
        let key = key.to_owned();
        let read = move || match secrets.get(Some(&principal), &capsule, &key) {
            Ok(None) => secrets.get(None, &capsule, &key),
            found => found,
        };
        match self
            .ctx
            .shared
            .blocking
            .for_call(self.call.principal(), read)
            .await
        {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}
