//! The functions of `astrid:kv/host`.

use unicode_normalization::is_nfc;

use super::wit::{ErrorCode, Host, KeyPage};
use super::{INTERFACES, Kv};
use crate::domain::View;
use crate::limits::kv::{MAX_KEY, MAX_KEYS, MAX_VALUE, QUOTA};
use crate::policy::contract;
use crate::policy::gate::{Denied, Row};
use crate::storage::kv::{Expected, KvError};

/// The row of a function of the interface.
const fn row(function: &'static str) -> Row<'static> {
    contract::row(INTERFACES, "astrid:kv/host", function)
}

impl From<Denied> for ErrorCode {
    fn from(denied: Denied) -> Self {
        Self::Unknown(denied.to_string())
    }
}

impl From<KvError> for ErrorCode {
    fn from(error: KvError) -> Self {
        match error {
            KvError::Mismatch => Self::CasMismatch,
            KvError::Quota { .. } => Self::Quota,
            KvError::Store(reason) => Self::Unknown(reason),
        }
    }
}

impl Host for View<'_, Kv> {
    async fn kv_get(&mut self, key: String) -> Result<Option<Vec<u8>>, ErrorCode> {
        self.gate(const { &row("kv-get") })?;
        checked(&key)?;
        let (store, scope) = (&self.domain.store, self.scope());
        Ok(store.get(scope, key.as_bytes()).await?)
    }

    async fn kv_set(&mut self, key: String, value: Vec<u8>) -> Result<(), ErrorCode> {
        self.gate(const { &row("kv-set") })?;
        self.write(&key, value, Expected::Anything).await
    }

    async fn kv_delete(&mut self, key: String) -> Result<(), ErrorCode> {
        self.gate(const { &row("kv-delete") })?;
        checked(&key)?;
        let (store, scope) = (&self.domain.store, self.scope());
        Ok(store.delete(scope, key.as_bytes()).await?)
    }

    async fn kv_list_keys(&mut self, prefix: String) -> Result<Vec<String>, ErrorCode> {
        self.gate(const { &row("kv-list-keys") })?;
        let page = self.page(&prefix, None, MAX_KEYS).await?;
        match page.next_cursor {
            Some(_) => Err(ErrorCode::TooLarge),
            None => Ok(page.keys),
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
            limit => limit.min(MAX_KEYS),
        };
        self.page(&prefix, cursor.as_deref(), limit).await
    }

    async fn kv_clear_prefix(&mut self, prefix: String) -> Result<u64, ErrorCode> {
        self.gate(const { &row("kv-clear-prefix") })?;
        checked_or_empty(&prefix)?;
        let (store, scope) = (&self.domain.store, self.scope());
        Ok(store.clear(scope, prefix.as_bytes()).await?)
    }

    async fn kv_cas(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Result<(), ErrorCode> {
        self.gate(const { &row("kv-cas") })?;
        let expected = expected.as_deref();
        let expected = expected.map_or(Expected::Nothing, Expected::Value);
        self.write(&key, new, expected).await
    }
}

impl View<'_, Kv> {
    async fn write(
        &mut self,
        key: &str,
        value: Vec<u8>,
        expected: Expected<'_>,
    ) -> Result<(), ErrorCode> {
        checked(key)?;
        if value.len() > MAX_VALUE {
            return Err(ErrorCode::TooLarge);
        }
        let (store, scope) = (&self.domain.store, self.scope());
        let written = store.set(scope, key.as_bytes(), value, expected, QUOTA);
        Ok(written.await?)
    }

    async fn page(
        &mut self,
        prefix: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<KeyPage, ErrorCode> {
        checked_or_empty(prefix)?;
        checked_or_empty(cursor.unwrap_or_default())?;
        let (store, scope) = (&self.domain.store, self.scope());
        let after = cursor.map(str::as_bytes);
        let page = store.page(scope, prefix.as_bytes(), after, limit).await?;
        let text =
            |key| String::from_utf8(key).map_err(|_| ErrorCode::Unknown("a key is no text".into()));
        let keys = page.keys.into_iter().map(text);
        let keys: Vec<String> = keys.collect::<Result<_, _>>()?;
        Ok(KeyPage {
            next_cursor: keys.last().filter(|_| page.more).cloned(),
            keys,
        })
    }
}

fn checked(key: &str) -> Result<(), ErrorCode> {
    if key.is_empty() {
        return Err(ErrorCode::InvalidKey);
    }
    checked_or_empty(key)
}

/// A prefix or a cursor, which may be empty and else obeys the same rules as a key.
fn checked_or_empty(key: &str) -> Result<(), ErrorCode> {
    let is_valid = key.len() <= MAX_KEY && !key.chars().any(char::is_control) && is_nfc(key);
    if is_valid {
        Ok(())
    } else {
        Err(ErrorCode::InvalidKey)
    }
}
