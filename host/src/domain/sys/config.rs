//! `get-config`: the value of a key, in the order secret, what is set for the principal, host-wide, manifest default. A
//! secret that is given is masked from then on.

use std::sync::Arc;

use super::Sys;
use super::wit::ErrorCode;
use crate::domain::{CallContext, Entry, View};
use crate::env::plain;
use crate::manifest::EnvKind;
use crate::policy::gate::{Gate, Row};

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
        if let Entry::RunLoop { scopes, .. } = &self.call.entry {
            // A loop goes on for as long as its capsule is loaded, and what is set may change meanwhile.
            let scopes = Arc::clone(scopes);
            if let Ok(scope) = scopes.scope(self.call.principal()).await {
                self.call.scope = scope;
            }
        }
        let declared = self.call.capsule.manifest.env.get(key);
        if declared.is_some_and(|env| env.kind == EnvKind::Secret) {
            self.gate(&SECRET)?;
            let secret = secret(self.domain, self.call, key).await;
            let secret = secret.map_err(ErrorCode::Unknown)?;
            // One may be left where an earlier version kept what was none.
            let secret = secret.or_else(|| self.call.scope.value(key).map(str::to_owned));
            if let Some(secret) = secret {
                self.call.scope.masks().add(key, &secret);
                return Ok(Some(secret));
            }
        } else if let Some(value) = self.call.scope.value(key) {
            return Ok(Some(value.to_owned()));
        }
        let declared = self.call.capsule.manifest.env.get(key);
        let default = declared.and_then(|env| env.default.as_ref());
        Ok(default
            .and_then(|value| serde_json::to_value(value).ok())
            .map(plain))
    }
}

/// The secret of the call's principal, else the host-wide one.
async fn secret(sys: &Sys, call: &CallContext, key: &str) -> Result<Option<String>, String> {
    let env = Arc::clone(&sys.env);
    let capsule = call.capsule.name.clone();
    let principal = call.principal().clone();
    let key = key.to_owned();
    let read = move || env.secret(&principal, &capsule, &key);
    match sys.blocking.for_call(call.principal(), read).await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
