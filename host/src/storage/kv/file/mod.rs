//! Keys and values in one file, `var/kv.redb` of the home: a database with one writer, opened when it is first needed.
//!
//! What was acknowledged is on the disk ([`Durability`]). A read of a key or of a page of keys runs in the caller's thread;
//! writes that wait at the same time share a commit. A file that cannot be opened or written, or a value that is not what
//! was written, is an error of the request, and the next one tries again: nothing here ends the host.
//!
//! Nothing but the library's types and [`KvStore`]'s may enter.

mod apply;
mod backend;
mod commits;
mod failure;
#[cfg(test)]
pub(crate) mod faults;
mod format;
mod handle;
mod idle;
#[cfg(test)]
mod tests;

use std::future::ready;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::{
    Answer, AtomicKv, Batch, Entry, Expected, KvError, KvScope, KvStore, Listed, Page, Quota,
    ScopeUse, StoreError, Version, Write, Written,
};
use crate::blocking::Blocking;
use crate::names::PrincipalId;
use commits::{Change, Commits};
use failure::Failure;
use format::{
    ENTRIES, USAGE, VALUES, after, parse, parse_apart, principal_prefix, scope_of, scope_prefix,
};
use handle::{Door, Handle, fenced};
use idle::Idle;
pub(crate) use idle::compact_when_idle;

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power failure: each commit is synced.
    #[default]
    Disk,
    /// The end of the process, however it ends. The file is synced once a second, and after a power failure the last
    /// second may be missing or the file may be unreadable.
    Process,
}

/// Where the file is, and how it is kept.
#[derive(Clone)]
pub struct FileOptions {
    /// The file.
    pub path: PathBuf,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Most bytes of memory for pages of the file.
    pub cache: usize,
    pub(crate) blocking: Blocking,
    #[cfg(test)]
    pub(crate) faults: faults::Faults,
}

impl FileOptions {
    /// A file at `path`, with the default cache.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::Disk,
            cache: crate::limits::storage::CACHE,
            blocking: Blocking::default(),
            #[cfg(test)]
            faults: faults::Faults::default(),
        }
    }

    /// The failure, as it is told.
    fn error(&self, doing: &'static str, failure: Failure) -> StoreError {
        StoreError {
            doing,
            path: self.path.clone(),
            fault: failure.fault(),
            reason: failure.to_string(),
        }
    }
}

/// Keeps keys and values in a file.
pub struct FileKv {
    options: Arc<FileOptions>,
    door: Arc<Door>,
    commits: Arc<Commits>,
    idle: Idle,
}

/// How large a file is, and how full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fullness {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of all keys and values.
    pub stored: u64,
    /// Keys of all scopes.
    pub keys: u64,
}

impl FileKv {
    /// Makes a store. The file is opened by the first request that needs it.
    pub fn new(options: FileOptions) -> Self {
        let options = Arc::new(options);
        let door = Door::new();
        Self {
            commits: Commits::new(&door, &options),
            idle: Idle::default(),
            door,
            options,
        }
    }

    /// Reads something; none where there is no file yet.
    async fn read<T>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, Failure>,
    ) -> Result<Option<T>, KvError> {
        self.idle.is_used();
        let handle = match self.door.open() {
            Some(handle) => handle,
            // A read makes no file.
            None if !self.options.path.exists() => return Ok(None),
            None => self.door.enter(&self.options).await?,
        };
        self.read_in(&handle, read).map(Some)
    }

    fn read_in<T>(
        &self,
        handle: &Arc<Handle>,
        read: impl FnOnce(&Reader) -> Result<T, Failure>,
    ) -> Result<T, KvError> {
        let done = fenced(|| read(&Reader::new(handle)?));
        done.map_err(|failure| {
            if failure.ends_the_handle() {
                self.door.give_up(handle);
            }
            KvError::Store(self.options.error("read", failure))
        })
    }

    /// Tells how large the file is; none where there is none. Opens it.
    ///
    /// # Errors
    /// [`KvError::Store`].
    pub async fn fullness(&self) -> Result<Option<Fullness>, KvError> {
        let path = self.options.path.clone();
        self.read(|reader| reader.fullness(&path)).await
    }

    /// Gives back to the system what the file does not need. Waits for reads and writes under way, and those that come
    /// wait for it: seconds for a large file.
    ///
    /// # Errors
    /// [`KvError::Store`].
    pub async fn compact(&self) -> Result<(), KvError> {
        let (door, options) = (Arc::clone(&self.door), Arc::clone(&self.options));
        let job = move || {
            let compacted = door.alone(&options, |database| {
                // Each pass makes some room for the next one.
                while database.compact()? {}
                Ok(())
            });
            compacted.map_err(|failure| options.error("compact", failure))
        };
        let compacted = self.options.blocking.bulk(job).await;
        let ended = |_| self.options.error("compact", Failure::Closed);
        Ok(compacted.map_err(ended)??)
    }

    /// Looks at every page of the file: a read looks at none but those that it needs, and knows a damaged value but not a
    /// damaged index, in which a key may not be found. False if something was wrong that could be repaired. As with
    /// [`Self::compact`], others wait meanwhile.
    ///
    /// # Errors
    /// [`KvError::Store`], also for what cannot be repaired.
    pub async fn check(&self) -> Result<bool, KvError> {
        let (door, options) = (Arc::clone(&self.door), Arc::clone(&self.options));
        let job = move || {
            let checked = door.alone(&options, |database| Ok(database.check_integrity()?));
            checked.map_err(|failure| options.error("check", failure))
        };
        let checked = self.options.blocking.bulk(job).await;
        let ended = |_| self.options.error("check", Failure::Closed);
        Ok(checked.map_err(ended)??)
    }

    /// Closes the file once what is under way is done. The next request opens it again.
    pub fn close(&self) {
        self.door.close();
    }

    async fn write(&self, scope: &KvScope, batch: Batch, quota: Quota) -> Result<Written, KvError> {
        self.idle.is_written();
        self.commits.write(scope, Change::Batch(batch, quota)).await
    }
}

impl Drop for FileKv {
    fn drop(&mut self) {
        self.close();
    }
}

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Reads the file as it was when this was made.
struct Reader(redb::ReadTransaction);

impl Reader {
    fn new(handle: &Handle) -> Result<Self, Failure> {
        Ok(Self(handle.database()?.begin_read()?))
    }

    fn entries(&self) -> Result<Rows, Failure> {
        Ok(self.0.open_table(ENTRIES)?)
    }

    fn usage(&self) -> Result<ReadOnlyTable<&'static [u8], u64>, Failure> {
        Ok(self.0.open_table(USAGE)?)
    }

    fn fullness(&self, path: &Path) -> Result<Fullness, Failure> {
        let mut stored = 0;
        for row in self.usage()?.iter()? {
            let (key, bytes) = row?;
            if scope_of(key.value()).is_some() {
                stored += bytes.value();
            }
        }
        Ok(Fullness {
            file: std::fs::metadata(path)?.len(),
            stored,
            keys: self.entries()?.len()?,
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Entry>, Failure> {
        let entries = self.entries()?;
        let Some(row) = entries.get(key)? else {
            return Ok(None);
        };
        let (header, inline) = parse(key, row.value())?;
        let value = if header.is_apart() {
            let values = self.0.open_table(VALUES)?;
            let row = values.get(header.version.0)?.ok_or(format::Damaged)?;
            parse_apart(key, header, row.value())?.to_vec()
        } else {
            inline.to_vec()
        };
        Ok(Some(Entry {
            value,
            version: header.version,
        }))
    }

    fn page(
        &self,
        scope: &[u8],
        prefix: &[u8],
        from: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, Failure> {
        let first = [scope, prefix].concat();
        let last = after(&first);
        let from = from.map(|from| [scope, from].concat());
        let from = match &from {
            Some(from) if *from >= first => Excluded(from.as_slice()),
            _ => Included(first.as_slice()),
        };
        let to = last.as_deref().map_or(Unbounded, Excluded);
        let mut page = Page::default();
        if matches!((from, to), (Excluded(from), Excluded(to)) if from >= to) {
            return Ok(page);
        }
        for row in self.entries()?.range::<&[u8]>((from, to))? {
            let (key, row) = row?;
            if page.keys.len() == limit {
                page.more = true;
                break;
            }
            let (header, _) = parse(key.value(), row.value())?;
            page.keys.push(Listed {
                key: key.value()[scope.len()..].to_vec(),
                size: header.size.into(),
            });
        }
        Ok(page)
    }

    fn scopes(&self, from: Option<&KvScope>, limit: usize) -> Result<Vec<ScopeUse>, Failure> {
        let from = from.map(scope_prefix);
        let from = from.as_deref().map_or(Unbounded, Excluded);
        let mut scopes = Vec::new();
        for row in self.usage()?.range::<&[u8]>((from, Unbounded))? {
            let (key, bytes) = row?;
            if scopes.len() == limit {
                break;
            }
            // Between them are the principals' own.
            if let Some(scope) = scope_of(key.value()) {
                let bytes = bytes.value();
                scopes.push(ScopeUse { scope, bytes });
            }
        }
        Ok(scopes)
    }
}

impl KvStore for FileKv {
    fn get<'a>(&'a self, scope: &'a KvScope, key: &'a [u8]) -> Answer<'a, Option<Entry>> {
        let get = move |reader: &Reader| reader.get(&[&scope_prefix(scope), key].concat());
        self.idle.is_used();
        match self.door.open() {
            Some(handle) => Box::pin(ready(self.read_in(&handle, get))),
            None => Box::pin(async move { Ok(self.read(get).await?.flatten()) }),
        }
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
            conditions: condition(&key, expected),
            clear: Vec::new(),
            writes: vec![Write::Set { key, value }],
        };
        Box::pin(async move { Ok(self.write(scope, batch, quota).await?.version) })
    }

    fn remove<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a [u8],
        expected: Expected,
    ) -> Answer<'a, bool> {
        let key = key.to_vec();
        let batch = Batch {
            conditions: condition(&key, expected),
            clear: Vec::new(),
            writes: vec![Write::Remove { key }],
        };
        Box::pin(async move { Ok(self.write(scope, batch, Quota::NONE).await?.removed > 0) })
    }

    fn page<'a>(
        &'a self,
        scope: &'a KvScope,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Answer<'a, Page> {
        let page = move |reader: &Reader| reader.page(&scope_prefix(scope), prefix, after, limit);
        Box::pin(async move { Ok(self.read(page).await?.unwrap_or_default()) })
    }

    fn used<'a>(&'a self, principal: &'a PrincipalId) -> Answer<'a, u64> {
        let used = move |reader: &Reader| {
            let usage = reader.usage()?;
            let row = usage.get(principal_prefix(principal).as_slice())?;
            Ok(row.map_or(0, |used| used.value()))
        };
        Box::pin(async move { Ok(self.read(used).await?.unwrap_or_default()) })
    }

    fn scopes<'a>(&'a self, after: Option<&'a KvScope>, limit: usize) -> Answer<'a, Vec<ScopeUse>> {
        let scopes = move |reader: &Reader| reader.scopes(after, limit);
        Box::pin(async move { Ok(self.read(scopes).await?.unwrap_or_default()) })
    }

    fn purge<'a>(&'a self, scope: &'a KvScope) -> Answer<'a, ()> {
        Box::pin(async move {
            self.idle.is_written();
            self.commits.write(scope, Change::Purge).await?;
            Ok(())
        })
    }

    fn atomic(&self) -> Option<&dyn AtomicKv> {
        Some(self)
    }
}

impl AtomicKv for FileKv {
    fn batch<'a>(&'a self, scope: &'a KvScope, batch: Batch, quota: Quota) -> Answer<'a, Written> {
        Box::pin(self.write(scope, batch, quota))
    }
}

fn condition(key: &[u8], expected: Expected) -> Vec<(Vec<u8>, Expected)> {
    match expected {
        Expected::Anything => Vec::new(),
        expected => vec![(key.to_vec(), expected)],
    }
}
