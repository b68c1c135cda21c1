//! The keys of one scope under the contract's rules: what a key is, how large a value may be, how much may be kept.
//!
//! Guests, embedders and the operator go through this: what one writes, the others can read.

use std::sync::Arc;

use unicode_normalization::is_nfc;

use super::{AtomicKv, Batch, Expected, KvError, KvScope, KvStore, Listed, Quota};
use crate::limits::kv::{MAX_KEY, MAX_KEYS, MAX_VALUE};

/// Why the keys of a scope were not read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Not a key, a prefix or a cursor.
    #[error(
        "not a key: 1 to {MAX_KEY} bytes of text in Unicode's normal form C, without control characters"
    )]
    InvalidKey,
    /// A value of more bytes than are taken.
    #[error("a value of {size} bytes; {MAX_VALUE} are allowed")]
    TooLarge {
        /// Its bytes.
        size: usize,
    },
    /// The list would be longer than is answered at once.
    #[error("more than {MAX_KEYS} keys; ask for them in pages")]
    TooMany,
    /// The store cannot do several writes together.
    #[error("the store of this host cannot remove several keys at once")]
    NotAtomic,
    /// A key in the store that is no text.
    #[error("a key in the store is no text")]
    NoText,
    /// The store refused or failed.
    #[error(transparent)]
    Kv(#[from] KvError),
}

impl KeysError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::InvalidKey => "choose another key".into(),
            Self::TooLarge { .. } => "keep less, or in several keys".into(),
            Self::TooMany => "ask for pages, or for a longer prefix".into(),
            Self::NotAtomic => "remove the keys one by one".into(),
            Self::NoText => {
                "remove it with the store's own tools: it was not written by this host".into()
            }
            Self::Kv(error) => error.hint(),
        }
    }
}

/// Keys in their order, and the cursor of the next page; none if this is the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys, with the bytes of their values.
    pub keys: Vec<(String, u64)>,
    /// The last key, where more follow.
    pub next_cursor: Option<String>,
}

/// The keys and values of one principal with one capsule.
#[derive(Clone)]
pub struct Keys {
    store: Arc<dyn KvStore>,
    scope: KvScope,
    quota: Arc<dyn Fn() -> Quota + Send + Sync>,
}

impl Keys {
    /// The keys of a scope, of which as much may be kept as the quota says when something is written.
    pub fn new(
        store: Arc<dyn KvStore>,
        scope: KvScope,
        quota: impl Fn() -> Quota + Send + Sync + 'static,
    ) -> Self {
        Self {
            store,
            scope,
            quota: Arc::new(quota),
        }
    }

    /// The scope.
    pub fn scope(&self) -> &KvScope {
        &self.scope
    }

    /// Reads the value of a key.
    ///
    /// # Errors
    /// [`KeysError::InvalidKey`], [`KeysError::Kv`].
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeysError> {
        checked(key)?;
        let entry = self.store.get(&self.scope, key.as_bytes()).await?;
        Ok(entry.map(|entry| entry.value))
    }

    /// Writes a value.
    ///
    /// # Errors
    /// [`KeysError`]; then nothing has changed.
    pub async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), KeysError> {
        self.write(key, value, Expected::Anything).await
    }

    /// Writes a value if what is there is `expected`: no value, or these bytes.
    ///
    /// # Errors
    /// [`KvError::Mismatch`] if it isn't; [`KeysError`]. Then nothing has changed.
    pub async fn cas(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Vec<u8>,
    ) -> Result<(), KeysError> {
        checked(key)?;
        let Some(expected) = expected else {
            return self.write(key, new, Expected::Nothing).await;
        };
        // Another write between look and write may leave the same bytes there: then it is looked at again. Each turn
        // means that another write came through.
        loop {
            let entry = self.store.get(&self.scope, key.as_bytes()).await?;
            let Some(entry) = entry.filter(|entry| entry.value == expected) else {
                return Err(KvError::Mismatch.into());
            };
            let written = self.write(key, new.clone(), Expected::Version(entry.version));
            match written.await {
                Err(KeysError::Kv(KvError::Mismatch)) => {}
                written => return written,
            }
        }
    }

    async fn write(&self, key: &str, value: Vec<u8>, expected: Expected) -> Result<(), KeysError> {
        checked(key)?;
        let size = value.len();
        if size > MAX_VALUE {
            return Err(KeysError::TooLarge { size });
        }
        let (scope, key) = (&self.scope, key.as_bytes());
        let written = self.store.set(scope, key, value, expected, (self.quota)());
        written.await?;
        Ok(())
    }

    /// Removes a key. Answers whether it was there.
    ///
    /// # Errors
    /// [`KeysError::InvalidKey`], [`KeysError::Kv`]; then nothing has changed.
    pub async fn remove(&self, key: &str) -> Result<bool, KeysError> {
        checked(key)?;
        let (scope, key) = (&self.scope, key.as_bytes());
        Ok(self.store.remove(scope, key, Expected::Anything).await?)
    }

    /// Lists at most `limit` keys, and at most 1,024, that begin with `prefix` and come after the key `cursor`.
    ///
    /// # Errors
    /// [`KeysError::InvalidKey`], [`KeysError::Kv`].
    pub async fn page(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<KeyPage, KeysError> {
        checked_or_empty(prefix)?;
        checked_or_empty(cursor.unwrap_or_default())?;
        let after = cursor.map(str::as_bytes);
        let limit = limit.min(MAX_KEYS);
        let page = self
            .store
            .page(&self.scope, prefix.as_bytes(), after, limit);
        let page = page.await?;
        let text = |Listed { key, size }| match String::from_utf8(key) {
            Ok(key) => Ok((key, size)),
            Err(_) => Err(KeysError::NoText),
        };
        let keys: Vec<_> = page.keys.into_iter().map(text).collect::<Result<_, _>>()?;
        let last = keys.last().filter(|_| page.more);
        Ok(KeyPage {
            next_cursor: last.map(|(key, _)| key.clone()),
            keys,
        })
    }

    /// Removes every key that begins with `prefix`, in one step, and answers how many those were.
    ///
    /// # Errors
    /// [`KeysError::InvalidKey`], [`KeysError::NotAtomic`], [`KeysError::Kv`]; then nothing has changed.
    pub async fn clear(&self, prefix: &str) -> Result<u64, KeysError> {
        checked_or_empty(prefix)?;
        let batch = Batch {
            clear: vec![prefix.as_bytes().to_vec()],
            ..Batch::default()
        };
        let atomic = self.atomic()?;
        Ok(atomic
            .batch(&self.scope, batch, (self.quota)())
            .await?
            .removed)
    }

    fn atomic(&self) -> Result<&dyn AtomicKv, KeysError> {
        self.store.atomic().ok_or(KeysError::NotAtomic)
    }
}

fn checked(key: &str) -> Result<(), KeysError> {
    if key.is_empty() {
        return Err(KeysError::InvalidKey);
    }
    checked_or_empty(key)
}

/// A prefix or a cursor, which may be empty and else obeys the same rules as a key.
fn checked_or_empty(key: &str) -> Result<(), KeysError> {
    let is_valid = key.len() <= MAX_KEY && !key.chars().any(char::is_control) && is_nfc(key);
    if is_valid {
        Ok(())
    } else {
        Err(KeysError::InvalidKey)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryKv;
    use super::*;

    fn keys(quota: u64) -> Keys {
        let scope = KvScope {
            principal: "ada".parse().expect("a name"),
            capsule: "notes".parse().expect("a name"),
        };
        let quota = Quota {
            scope: quota,
            principal: 100,
        };
        Keys::new(Arc::new(MemoryKv::default()), scope, move || quota)
    }

    #[tokio::test]
    async fn an_empty_value_is_not_an_absent_key() {
        let keys = keys(100);
        let mismatch = Err(KvError::Mismatch.into());
        assert_eq!(keys.cas("k", Some(b""), b"1".to_vec()).await, mismatch);
        assert_eq!(keys.cas("k", None, Vec::new()).await, Ok(()));
        assert_eq!(keys.cas("k", None, b"1".to_vec()).await, mismatch);
        assert_eq!(keys.cas("k", Some(b""), b"1".to_vec()).await, Ok(()));
        assert_eq!(keys.get("k").await, Ok(Some(b"1".to_vec())));
    }

    #[tokio::test]
    async fn a_page_tells_where_the_next_one_begins() {
        let keys = keys(100);
        for key in ["b", "a/2", "a/1", "a/10"] {
            keys.set(key, b"x".to_vec()).await.expect("there is room");
        }
        let page = keys.page("a/", None, 2).await.expect("read");
        let listed = ["a/1", "a/10"].map(|key| (key.to_owned(), 1));
        assert_eq!(page.keys, listed);
        assert_eq!(page.next_cursor.as_deref(), Some("a/10"));
        let rest = keys.page("a/", page.next_cursor.as_deref(), 2).await;
        let rest = rest.expect("read");
        assert_eq!(rest.keys, [("a/2".to_owned(), 1)]);
        assert_eq!(rest.next_cursor, None);
        assert_eq!(keys.clear("a/").await, Ok(3));
        assert_eq!(keys.page("", None, 9).await.expect("read").keys.len(), 1);
    }

    #[tokio::test]
    async fn what_is_above_the_quota_may_still_become_less() {
        let keys = keys(8);
        keys.set("k", b"1234567".to_vec()).await.expect("it fits");
        let error = keys.set("k", b"12345678".to_vec()).await;
        let quota = KvError::Quota {
            wanted: 9,
            limit: 8,
        };
        assert_eq!(error, Err(quota.into()));
        let less = Keys::new(Arc::clone(&keys.store), keys.scope.clone(), || Quota {
            scope: 2,
            principal: 100,
        });
        assert_eq!(less.set("k", b"123".to_vec()).await, Ok(()));
        assert!(less.set("k", b"1234".to_vec()).await.is_err());
    }

    #[tokio::test]
    async fn keys_that_are_none_are_refused_and_never_rewritten() {
        let keys = keys(100);
        let long = "x".repeat(MAX_KEY + 1);
        for key in ["", "a\0b", "a\nb", "e\u{301}", &long] {
            assert_eq!(keys.set(key, Vec::new()).await, Err(KeysError::InvalidKey));
            if !key.is_empty() {
                let page = keys.page("", Some(key), 1).await;
                assert_eq!(page, Err(KeysError::InvalidKey));
            }
        }
    }
}
