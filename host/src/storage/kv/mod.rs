//! Keys and values, apart for each scope: a principal with a capsule.
//!
//! A [`KvStore`] promises, for one scope: whoever has written reads what was written; a write with an [`Expected`] value
//! happens only if that is there at that moment; pages are in the order of the keys' bytes. What is a valid key is for
//! others to say: to a store it is bytes.

mod memory;

use std::pin::Pin;

pub use memory::MemoryKv;

use crate::names::{CapsuleName, PrincipalId};

/// Whose keys: no two scopes meet, whatever their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KvScope {
    /// The principal.
    pub principal: PrincipalId,
    /// The capsule.
    pub capsule: CapsuleName,
}

/// What must be there for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected<'a> {
    /// Whatever it is.
    Anything,
    /// No value.
    Nothing,
    /// This value.
    Value(&'a [u8]),
}

/// Keys in their order, and whether there are more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<Vec<u8>>,
    /// Whether more follow.
    pub more: bool,
}

/// Why nothing was written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// Another value is there than was expected.
    #[error("another value is there than was expected")]
    Mismatch,
    /// The scope would hold more than it may.
    #[error("the scope would hold {wanted} bytes of keys and values; {limit} are allowed")]
    Quota {
        /// The bytes of keys and values that it would hold.
        wanted: u64,
        /// Most bytes that it may hold.
        limit: u64,
    },
    /// The store itself cannot be read or written.
    #[error("the store: {0}")]
    Store(String),
}

/// What a store answers with.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, KvError>> + Send + 'a>>;

/// Where keys and values are kept.
pub trait KvStore: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// [`KvError::Store`].
    fn get<'a>(&'a self, scope: &'a KvScope, key: &'a [u8]) -> Answer<'a, Option<Vec<u8>>>;

    /// Writes a value, if what is there is what is expected and the scope then holds at most `limit` bytes of keys and
    /// values.
    ///
    /// # Errors
    /// [`KvError`]; then nothing has changed.
    fn set<'a>(
        &'a self,
        scope: &'a KvScope,
        key: &'a [u8],
        value: Vec<u8>,
        expected: Expected<'a>,
        limit: u64,
    ) -> Answer<'a, ()>;

    /// Removes every key that begins with `prefix`, and answers how many those were.
    ///
    /// # Errors
    /// [`KvError::Store`]; then nothing has changed.
    fn clear<'a>(&'a self, scope: &'a KvScope, prefix: &'a [u8]) -> Answer<'a, u64>;

    /// Removes one key, if it is there.
    ///
    /// # Errors
    /// [`KvError::Store`]; then nothing has changed.
    fn delete<'a>(&'a self, scope: &'a KvScope, key: &'a [u8]) -> Answer<'a, ()>;

    /// At most `limit` keys that begin with `prefix` and come after the key `after`.
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
}
