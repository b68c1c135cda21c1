//! The functions of `astrid:kv/host`.

use super::wit::{ErrorCode, Host, KeyPage};
use super::{INTERFACES, Kv};
use crate::domain::View;
use crate::limits::kv::MAX_KEYS;
use crate::policy::contract;
use crate::policy::gate::{Denied, Row};
use crate::storage::kv::{self, KeysError, KvError};

/// The row of a function of the interface.
const fn row(function: &'static str) -> Row<'static> {
    contract::row(INTERFACES, "astrid:kv/host", function)
}

impl From<Denied> for ErrorCode {
    fn from(denied: Denied) -> Self {
        Self::Unknown(denied.to_string())
    }
}

impl From<KeysError> for ErrorCode {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::InvalidKey => Self::InvalidKey,
            KeysError::TooLarge { .. } | KeysError::TooMany => Self::TooLarge,
            KeysError::Kv(KvError::Mismatch) => Self::CasMismatch,
            KeysError::Kv(KvError::Quota { .. } | KvError::PrincipalQuota { .. }) => Self::Quota,
            // Where the file is, is nothing for a guest.
            KeysError::Kv(KvError::Store(error)) => Self::Unknown(format!(
                "cannot {} the store: {}",
                error.doing, error.reason
            )),
            other => Self::Unknown(other.to_string()),
        }
    }
}

impl From<kv::KeyPage> for KeyPage {
    fn from(page: kv::KeyPage) -> Self {
        Self {
            keys: page.keys.into_iter().map(|(key, _)| key).collect(),
            next_cursor: page.next_cursor,
        }
    }
}

impl Host for View<'_, Kv> {
    async fn kv_get(&mut self, key: String) -> Result<Option<Vec<u8>>, ErrorCode> {
        self.gate(const { &row("kv-get") })?;
        Ok(self.scope().get(&key).await?)
    }

    async fn kv_set(&mut self, key: String, value: Vec<u8>) -> Result<(), ErrorCode> {
        self.gate(const { &row("kv-set") })?;
        Ok(self.scope().set(&key, value).await?)
    }

    async fn kv_delete(&mut self, key: String) -> Result<(), ErrorCode> {
        self.gate(const { &row("kv-delete") })?;
        self.scope().remove(&key).await?;
        Ok(())
    }

    async fn kv_list_keys(&mut self, prefix: String) -> Result<Vec<String>, ErrorCode> {
        self.gate(const { &row("kv-list-keys") })?;
        let page = self.scope().page(&prefix, None, MAX_KEYS).await?;
        match page.next_cursor {
            Some(_) => Err(KeysError::TooMany.into()),
            None => Ok(KeyPage::from(page).keys),
        }
    }

    async fn kv_list_keys_page(
        &mut self,
        prefix: String,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<KeyPage, ErrorCode> {
        self.gate(const { &row("kv-list-keys-page") })?;
        let limit = match limit as usize {
            0 => MAX_KEYS,
            limit => limit,
        };
        let page = self.scope().page(&prefix, cursor.as_deref(), limit).await?;
        Ok(page.into())
    }

    async fn kv_clear_prefix(&mut self, prefix: String) -> Result<u64, ErrorCode> {
        self.gate(const { &row("kv-clear-prefix") })?;
        Ok(self.scope().clear(&prefix).await?)
    }

    async fn kv_cas(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Result<(), ErrorCode> {
        self.gate(const { &row("kv-cas") })?;
        Ok(self.scope().cas(&key, expected.as_deref(), new).await?)
    }
}
