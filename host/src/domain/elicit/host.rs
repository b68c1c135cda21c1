//! The functions of `astrid:elicit/host`.

use std::sync::Arc;

use super::wit::{ElicitRequest, ElicitResponse, ErrorCode, Host};
use super::{Elicit, INTERFACES};
use crate::domain::View;
use crate::policy::contract;
use crate::policy::gate::{Denied, Row};
use crate::storage::SecretError;

/// The row of a function of the interface.
const fn row(function: &'static str) -> Row<'static> {
    contract::row(INTERFACES, "astrid:elicit/host", function)
}

impl From<Denied> for ErrorCode {
    fn from(_: Denied) -> Self {
        Self::NotInLifecycle
    }
}

impl From<SecretError> for ErrorCode {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::InvalidKey(_) => Self::InvalidInput,
            _ => Self::StoreUnavailable,
        }
    }
}

impl Host for View<'_, Elicit> {
    async fn elicit(&mut self, _request: ElicitRequest) -> Result<ElicitResponse, ErrorCode> {
        self.gate(const { &row("elicit") })?;
        Err(ErrorCode::Unknown("nobody can be asked".into()))
    }

    async fn has_secret(&mut self, key: String) -> Result<bool, ErrorCode> {
        self.gate(const { &row("has-secret") })?;
        let env = Arc::clone(&self.domain.env);
        let capsule = self.call.capsule.name.clone();
        let principal = self.call.principal().clone();
        let read = move || env.secret(&principal, &capsule, &key);
        match self
            .domain
            .blocking
            .for_call(self.call.principal(), read)
            .await
        {
            Ok(found) => Ok(found?.is_some()),
            Err(_) => Err(ErrorCode::StoreUnavailable),
        }
    }
}
