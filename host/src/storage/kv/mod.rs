//! Keys and values, apart for each scope: a principal with a capsule.
//!
//! [`KvStore`] says what a store must promise; [`FileKv`] keeps everything in one file of the home, [`MemoryKv`] in memory,
//! [`Keys`] are those of one scope under the contract's rules.
//! What is a valid key, and how much a principal may keep, is for others to say: to a store a key is bytes, and each write
//! brings its [`Quota`]. No name of a guest, a domain or a profile may enter.

mod error;
mod file;
mod keys;
mod memory;

use std::pin::Pin;

pub use error::{Fault, KvError, StoreError};
pub(crate) use file::compact_when_idle;
pub use file::{Durability, FileKv, FileOptions, Fullness};
pub use keys::{KeyPage, Keys, KeysError};
pub use memory::MemoryKv;

use crate::names::{CapsuleName, PrincipalId};

/// Owner of keys: no two scopes meet, whatever their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KvScope {
    /// The principal.
    pub principal: PrincipalId,
    /// The capsule.
    pub capsule: CapsuleName,
}

/// Version of a key's value: each write has another one, also after the key was removed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A value, with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// Its version.
    pub version: Version,
}

/// What must be there for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    Anything,
    /// No value.
    Nothing,
    /// The value of this version.
    Version(Version),
}

impl Expected {
    /// Whether what is there is expected.
    pub fn is_met(self, there: Option<Version>) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => there.is_none(),
            Self::Version(version) => there == Some(version),
        }
    }
}

/// Most bytes of keys and values after a write. What is above already may still become less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// In the scope.
    pub scope: u64,
    /// In all scopes of the principal.
    pub principal: u64,
}

impl Quota {
    /// No limit.
    pub const NONE: Self = Self {
        scope: u64::MAX,
        principal: u64::MAX,
    };
}

/// Keys in their order, and whether there are more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<Listed>,
    /// Whether more follow.
    pub more: bool,
}

/// A key of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: Vec<u8>,
    /// Bytes of its value.
    pub size: u64,
}

/// A write of a [`Batch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Gives a key a value.
    Set {
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes a key, if it is there.
    Remove {
        /// The key.
        key: Vec<u8>,
    },
}

/// Writes of one scope that happen together, or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// What must be there before, key by key.
    pub conditions: Vec<(Vec<u8>, Expected)>,
    /// First, every key that begins with one of these is removed.
    pub clear: Vec<Vec<u8>>,
    /// Then these are done, one after another.
    pub writes: Vec<Write>,
}

/// What a batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Version of the value that was written last; that of the batch where it wrote none.
    pub version: Version,
    /// Keys that were removed.
    pub removed: u64,
}

/// A scope with the bytes of its keys and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeUse {
    /// The scope.
    pub scope: KvScope,
    /// Bytes of its keys and values.
    pub bytes: u64,
}

/// Future of what a store answers with.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, KvError>> + Send + 'a>>;

/// Keeps keys and values.
///
/// A store promises, for one scope: a write that was acknowledged is read by every later read; a write with a condition
/// happens only if it is met at that moment; pages are in the order of the keys' bytes; a write that answers an error, or
/// whose future is dropped, happens whole or not at all. It encodes keys as it must.
pub trait KvStore: Send + Sync + 'static {
    /// Reads the value of a key.
    ///
    /// # Errors
    /// [`KvError::Store`].
    fn get<'a>(&'a self, scope: &'a KvScope, key: &'a [u8]) -> Answer<'a, Option<Entry>>;

    /// Writes a value, if what is there is expected and the quota leaves room for it.
    ///
    /// # Errors
    /// [`KvError`]; then nothing has changed.
    fn set<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a [u8],
        value: Vec<u8>,
        expected: Expected,
        quota: Quota,
    ) -> Answer<'a, Version>;

    /// Removes a key, if it is there and what is there is expected. Answers whether it was.
    ///
    /// # Errors
    /// [`KvError::Mismatch`], [`KvError::Store`]; then nothing has changed.
    fn remove<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a [u8],
        expected: Expected,
    ) -> Answer<'a, bool>;

    /// Lists at most `limit` keys that begin with `prefix` and come after the key `after`.
    ///
    /// # Errors
    /// [`KvError::Store`].
    fn page<'a>(
        &'a self,
        scope: &'a KvScope,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Answer<'a, Page>;

    /// Sums up the bytes of a principal's keys and values.
    ///
    /// # Errors
    /// [`KvError::Store`].
    fn used<'a>(&'a self, principal: &'a PrincipalId) -> Answer<'a, u64>;

    /// Lists at most `limit` scopes that hold keys and come after the scope `after`, by principal and capsule.
    ///
    /// # Errors
    /// [`KvError::Store`].
    fn scopes<'a>(&'a self, after: Option<&'a KvScope>, limit: usize) -> Answer<'a, Vec<ScopeUse>>;

    /// Removes all keys of a scope. Damaged values are removed, too.
    ///
    /// # Errors
    /// [`KvError::Store`].
    fn purge<'a>(&'a self, scope: &'a KvScope) -> Answer<'a, ()>;

    /// The ability to do several writes together. A store may lack it.
    fn atomic(&self) -> Option<&dyn AtomicKv> {
        None
    }
}

/// The ability of a store to do several writes of a scope together.
pub trait AtomicKv: Send + Sync {
    /// Does a batch, if every condition is met and the quota leaves room for what it writes.
    ///
    /// # Errors
    /// [`KvError`]; then nothing has changed.
    fn batch<'a>(&'a self, scope: &'a KvScope, batch: Batch, quota: Quota) -> Answer<'a, Written>;
}
