//! `get-config`: a key's value, in the order secret, overlay, manifest default.

use std::sync::Arc;

use super::Sys;
use super::wit::ErrorCode;
use crate::domain::{CallContext, Entry, View};
use crate::manifest::EnvKind;
use crate::policy::gate::{Gate, Row};
use crate::principal::plain;

/// Set only while an upgrade hook runs.
const PREVIOUS_VERSION: &str = "prev_version";
/// `get-config` of a key whose type is `secret`; any other key is open to all, as the function's own row says.
const SECRET: Row<'static> = Row {
    interface: "astrid:sys/host",
    function: "get-config",
    gate: Gate::OPEN.verified(),
};
/// Keys that only the host may set begin so.
const RESERVED: &str = "ASTRID_";

impl View<'_, Sys> {
    /// The value of `key` for the caller, `None` when it isn't set.
    ///
    /// # Errors
    /// [`ErrorCode::CapabilityDenied`] for a secret and a claimed caller; what is wrong with the secret store.
    pub(super) async fn config(&mut self, key: &str) -> Result<Option<String>, ErrorCode> {
        if key == PREVIOUS_VERSION {
            return Ok(match &self.call.entry {
                Entry::Upgrade { from } => Some(from.clone()),
                _ => None,
            });
        }
        if key.starts_with(RESERVED) {
            return Ok(None);
        }
        let declared = self.call.capsule.manifest.env.get(key);
        if declared.is_some_and(|env| env.kind == EnvKind::Secret) {
            self.gate(&SECRET)?;
            let secret = secret(self.domain, self.call, key)
                .await
                .map_err(ErrorCode::Unknown)?;
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
}

/// The secret of the call's principal, else the host-wide one.
async fn secret(sys: &Sys, call: &CallContext, key: &str) -> Result<Option<String>, String> {
    let secrets = Arc::clone(&sys.secrets);
    let capsule = call.capsule.name.clone();
    let principal = call.principal().clone();
    let key = key.to_owned();
    let read = move || match secrets.get(Some(&principal), &capsule, &key) {
        Ok(None) => secrets.get(None, &capsule, &key),
        found => found,
    };
    match sys.blocking.for_call(call.principal(), read).await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
