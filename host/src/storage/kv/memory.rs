//! A store in memory: for tests, and for hosts that forget everything at their end.

use std::collections::BTreeMap;
use std::future::ready;
use std::ops::Bound::{Excluded, Included, Unbounded};

use imbl::OrdMap;
use parking_lot::Mutex;

use super::{
    Answer, AtomicKv, Batch, Entry, Expected, KvError, KvScope, KvStore, Listed, Page, Quota,
    ScopeUse, Version, Write, Written,
};
use crate::names::PrincipalId;

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryKv(Mutex<Scopes>);

/// The keys of a scope. A copy shares them, so that a batch which is refused half-way costs no more than one that isn't.
#[derive(Debug, Clone, Default)]
struct Keys {
    entries: OrdMap<Vec<u8>, Entry>,
    /// Bytes of all keys and values.
    bytes: u64,
}

impl Keys {
    fn set(&mut self, key: Vec<u8>, entry: Entry) {
        self.bytes += size(&key, &entry);
        if let Some(before) = self.entries.insert(key.clone(), entry) {
            self.bytes -= size(&key, &before);
        }
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        let removed = self.entries.remove(key);
        self.bytes -= removed.as_ref().map_or(0, |entry| size(key, entry));
        removed.is_some()
    }

    /// The keys that begin with `prefix`, from `after` on.
    fn beginning<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = (&'a Vec<u8>, &'a Entry)> {
        let from = match after {
            Some(after) if after >= prefix => Excluded(after),
            _ => Included(prefix),
        };
        let entries = self.entries.range::<_, [u8]>((from, Unbounded));
        entries.take_while(move |(key, _)| key.starts_with(prefix))
    }

    fn clear(&mut self, prefix: &[u8]) -> u64 {
        let found = self.beginning(prefix, None);
        let keys: Vec<Vec<u8>> = found.map(|(key, _)| key.clone()).collect();
        keys.iter().map(|key| u64::from(self.remove(key))).sum()
    }
}

fn size(key: &[u8], entry: &Entry) -> u64 {
    (key.len() + entry.value.len()) as u64
}

#[derive(Debug, Default)]
struct Scopes {
    keys: BTreeMap<KvScope, Keys>,
    version: u64,
}

impl Scopes {
    fn used(&self, principal: &PrincipalId) -> u64 {
        let all = self.keys.iter();
        all.filter(|(scope, _)| scope.principal == *principal)
            .map(|(_, keys)| keys.bytes)
            .sum()
    }

    fn batch(&mut self, scope: &KvScope, batch: Batch, quota: Quota) -> Result<Written, KvError> {
        let before = self.keys.get(scope).cloned().unwrap_or_default();
        for (key, expected) in &batch.conditions {
            let there = before.entries.get(key).map(|entry| entry.version);
            if !expected.is_met(there) {
                return Err(KvError::Mismatch);
            }
        }
        let (mut after, mut version) = (before.clone(), self.version);
        let mut removed = batch.clear.iter().map(|prefix| after.clear(prefix)).sum();
        for write in batch.writes {
            match write {
                Write::Set { key, value } => {
                    version += 1;
                    let version = Version(version);
                    after.set(key, Entry { value, version });
                }
                Write::Remove { key } => removed += u64::from(after.remove(&key)),
            }
        }
        let wanted = after.bytes;
        let grows = wanted > before.bytes;
        if grows && wanted > quota.scope {
            let limit = quota.scope;
            return Err(KvError::Quota { wanted, limit });
        }
        let all = self.used(&scope.principal) - before.bytes + wanted;
        if grows && all > quota.principal {
            return Err(KvError::PrincipalQuota {
                wanted: all,
                limit: quota.principal,
            });
        }
        self.version = version;
        if after.entries.is_empty() {
            self.keys.remove(scope);
        } else {
            self.keys.insert(scope.clone(), after);
        }
        let version = Version(version);
        Ok(Written { version, removed })
    }
}

impl KvStore for MemoryKv {
    fn get<'a>(&'a self, scope: &'a KvScope, key: &'a [u8]) -> Answer<'a, Option<Entry>> {
        let scopes = self.0.lock();
        let keys = scopes.keys.get(scope);
        let entry = keys.and_then(|keys| keys.entries.get(key).cloned());
        Box::pin(ready(Ok(entry)))
    }

    fn set<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a [u8],
        value: Vec<u8>,
        expected: Expected,
        quota: Quota,
    ) -> Answer<'a, Version> {
        let key = key.to_vec();
        let batch = Batch {
            conditions: vec![(key.clone(), expected)],
            clear: Vec::new(),
            writes: vec![Write::Set { key, value }],
        };
        let written = self.0.lock().batch(scope, batch, quota);
        Box::pin(ready(written.map(|written| written.version)))
    }

    fn remove<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a [u8],
        expected: Expected,
    ) -> Answer<'a, bool> {
        let key = key.to_vec();
        let batch = Batch {
            conditions: vec![(key.clone(), expected)],
            clear: Vec::new(),
            writes: vec![Write::Remove { key }],
        };
        let written = self.0.lock().batch(scope, batch, Quota::NONE);
        Box::pin(ready(written.map(|written| written.removed > 0)))
    }

    fn page<'a>(
        &'a self,
        scope: &'a KvScope,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Answer<'a, Page> {
        let scopes = self.0.lock();
        let page = scopes.keys.get(scope).map_or_else(Page::default, |keys| {
            let mut keys = keys.beginning(prefix, after);
            let listed = |(key, entry): (&Vec<u8>, &Entry)| Listed {
                key: key.clone(),
                size: entry.value.len() as u64,
            };
            Page {
                keys: keys.by_ref().take(limit).map(listed).collect(),
                more: keys.next().is_some(),
            }
        });
        Box::pin(ready(Ok(page)))
    }

    fn used<'a>(&'a self, principal: &'a PrincipalId) -> Answer<'a, u64> {
        Box::pin(ready(Ok(self.0.lock().used(principal))))
    }

    fn scopes<'a>(&'a self, after: Option<&'a KvScope>, limit: usize) -> Answer<'a, Vec<ScopeUse>> {
        let scopes = self.0.lock();
        let from = after.map_or(Unbounded, Excluded);
        let found = scopes.keys.range((from, Unbounded)).take(limit);
        let found = found.map(|(scope, keys)| ScopeUse {
            scope: scope.clone(),
            bytes: keys.bytes,
        });
        Box::pin(ready(Ok(found.collect())))
    }

    fn purge<'a>(&'a self, scope: &'a KvScope) -> Answer<'a, ()> {
        self.0.lock().keys.remove(scope);
        Box::pin(ready(Ok(())))
    }

    fn atomic(&self) -> Option<&dyn AtomicKv> {
        Some(self)
    }
}

impl AtomicKv for MemoryKv {
    fn batch<'a>(&'a self, scope: &'a KvScope, batch: Batch, quota: Quota) -> Answer<'a, Written> {
        Box::pin(ready(self.0.lock().batch(scope, batch, quota)))
    }
}
