//! A store in memory: for tests, and for hosts that forget everything at their end.

use std::collections::BTreeMap;
use std::future::ready;
use std::ops::Bound::{Excluded, Included, Unbounded};

use parking_lot::Mutex;

use super::{Answer, Expected, KvError, KvScope, KvStore, Page};

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryKv(Mutex<BTreeMap<KvScope, Entries>>);

/// The keys and values of one scope.
#[derive(Debug, Default)]
struct Entries {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Bytes of all keys and values.
    bytes: u64,
}

/// Bytes that an entry counts for.
fn size(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

impl Entries {
    fn set(
        &mut self,
        key: &[u8],
        value: Vec<u8>,
        expected: Expected<'_>,
        limit: u64,
    ) -> Result<(), KvError> {
        let there = self.values.get(key);
        let is_expected = match expected {
            Expected::Anything => true,
            Expected::Nothing => there.is_none(),
            Expected::Value(expected) => there.is_some_and(|there| there == expected),
        };
        if !is_expected {
            return Err(KvError::Mismatch);
        }
        let before = there.map_or(0, |there| size(key, there));
        let wanted = self.bytes - before + size(key, &value);
        if wanted > limit && wanted > self.bytes {
            return Err(KvError::Quota { wanted, limit });
        }
        self.bytes = wanted;
        self.values.insert(key.to_owned(), value);
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(value) = self.values.remove(key) {
            self.bytes -= size(key, &value);
        }
    }

    /// The keys that begin with `prefix`, from `after` on.
    fn keys<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = &'a Vec<u8>> {
        let from = match after {
            Some(after) if after >= prefix => Excluded(after),
            _ => Included(prefix),
        };
        let keys = self.values.range::<[u8], _>((from, Unbounded));
        keys.map(|(key, _)| key)
            .take_while(move |key| key.starts_with(prefix))
    }
}

impl KvStore for MemoryKv {
    fn get<'a>(&'a self, scope: &'a KvScope, key: &'a [u8]) -> Answer<'a, Option<Vec<u8>>> {
        let scopes = self.0.lock();
        let entries = scopes.get(scope);
        let value = entries.and_then(|entries| entries.values.get(key).cloned());
        Box::pin(ready(Ok(value)))
    }

    fn set<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a [u8],
        value: Vec<u8>,
        expected: Expected<'a>,
        limit: u64,
    ) -> Answer<'a, ()> {
        let mut scopes = self.0.lock();
        let entries = scopes.entry(scope.clone()).or_default();
        Box::pin(ready(entries.set(key, value, expected, limit)))
    }

    fn clear<'a>(&'a self, scope: &'a KvScope, prefix: &'a [u8]) -> Answer<'a, u64> {
        let mut scopes = self.0.lock();
        let cleared = scopes.get_mut(scope).map_or(0, |entries| {
            let keys: Vec<_> = entries.keys(prefix, None).cloned().collect();
            for key in &keys {
                entries.remove(key);
            }
            keys.len() as u64
        });
        Box::pin(ready(Ok(cleared)))
    }

    fn delete<'a>(&'a self, scope: &'a KvScope, key: &'a [u8]) -> Answer<'a, ()> {
        if let Some(entries) = self.0.lock().get_mut(scope) {
            entries.remove(key);
        }
        Box::pin(ready(Ok(())))
    }

    fn page<'a>(
        &'a self,
        scope: &'a KvScope,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Answer<'a, Page> {
        let scopes = self.0.lock();
        let page = scopes.get(scope).map_or_else(Page::default, |entries| {
            let mut keys = entries.keys(prefix, after);
            let page = keys.by_ref().take(limit).cloned().collect();
            Page {
                keys: page,
                more: keys.next().is_some(),
            }
        });
        Box::pin(ready(Ok(page)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(principal: &str, capsule: &str) -> KvScope {
        KvScope {
            principal: principal.parse().expect("a name"),
            capsule: capsule.parse().expect("a name"),
        }
    }

    #[tokio::test]
    async fn scopes_are_apart_and_pages_are_in_order() {
        let store = MemoryKv::default();
        let (ada, bob) = (scope("ada", "notes"), scope("bob", "notes"));
        for key in ["b", "a/2", "a/1", "a/10"] {
            let set = store.set(&ada, key.as_bytes(), b"x".to_vec(), Expected::Anything, 100);
            set.await.expect("there is room");
        }
        let page = store
            .page(&ada, b"a/", Some(b"a/1"), 1)
            .await
            .expect("read");
        assert_eq!((page.keys, page.more), (vec![b"a/10".to_vec()], true));
        let none = store.page(&bob, b"", None, 10).await.expect("read");
        assert_eq!(none, Page::default());
        assert_eq!(store.clear(&ada, b"a/").await, Ok(3));
        assert_eq!(store.get(&ada, b"a/1").await, Ok(None));
        assert_eq!(store.get(&ada, b"b").await, Ok(Some(b"x".to_vec())));
    }

    #[tokio::test]
    async fn a_write_happens_only_if_what_is_there_is_expected_and_there_is_room() {
        let store = MemoryKv::default();
        let scope = scope("ada", "notes");
        let set = |value: &str, expected| {
            store.set(&scope, b"key", value.as_bytes().to_vec(), expected, 8)
        };
        assert_eq!(
            set("one", Expected::Value(b"one")).await,
            Err(KvError::Mismatch)
        );
        assert_eq!(set("one", Expected::Nothing).await, Ok(()));
        assert_eq!(set("two", Expected::Nothing).await, Err(KvError::Mismatch));
        assert_eq!(set("two", Expected::Value(b"one")).await, Ok(()));
        let quota = KvError::Quota {
            wanted: 9,
            limit: 8,
        };
        assert_eq!(set("longer", Expected::Anything).await, Err(quota));
        store.delete(&scope, b"key").await.expect("removed");
        assert_eq!(set("five5", Expected::Nothing).await, Ok(()));
    }
}
