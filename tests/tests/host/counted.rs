//! A store of keys and values that counts what it is asked.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use astrid_host::PrincipalId;
use astrid_host::storage::kv::{
    Answer, Entry, Expected, KvScope, KvStore, MemoryKv, Page, Quota, ScopeUse, Version,
};

/// Keys and values in memory.
#[derive(Default)]
pub(crate) struct Counted {
    kept: MemoryKv,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Counted {
    /// How many values were read and written since this was asked last.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.reads.swap(0, Relaxed), self.writes.swap(0, Relaxed))
    }
}

impl KvStore for Counted {
    fn get<'a>(&'a self, scope: &'a KvScope, key: &'a [u8]) -> Answer<'a, Option<Entry>> {
        self.reads.fetch_add(1, Relaxed);
        self.kept.get(scope, key)
    }

    fn set<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a [u8],
        value: Vec<u8>,
        expected: Expected,
        quota: Quota,
    ) -> Answer<'a, Version> {
        self.writes.fetch_add(1, Relaxed);
        self.kept.set(scope, key, value, expected, quota)
    }

    fn remove<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a [u8],
        expected: Expected,
    ) -> Answer<'a, bool> {
        self.writes.fetch_add(1, Relaxed);
        self.kept.remove(scope, key, expected)
    }

    fn page<'a>(
        &'a self,
        scope: &'a KvScope,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Answer<'a, Page> {
        self.reads.fetch_add(1, Relaxed);
        self.kept.page(scope, prefix, after, limit)
    }

    fn used<'a>(&'a self, principal: &'a PrincipalId) -> Answer<'a, u64> {
        self.kept.used(principal)
    }

    fn scopes<'a>(&'a self, after: Option<&'a KvScope>, limit: usize) -> Answer<'a, Vec<ScopeUse>> {
        self.kept.scopes(after, limit)
    }

    fn purge<'a>(&'a self, scope: &'a KvScope) -> Answer<'a, ()> {
        self.kept.purge(scope)
    }
}
