//! Keys and values that last: the host's interface `astrid:kv/host@1.0.0`, and typed ways to use it.
//!
//! What a capsule keeps here is apart for each principal for whom it is called, and for each capsule: one never sees the
//! keys of another. No capability is needed.
//!
//! ```
//! use astrid_sdk::{kv, testing::Host};
//!
//! let host = Host::new();
//! let visits = |host: &Host| {
//!     host.run(|| {
//!         let visits = kv::get("visits")?.map_or(0, |bytes| bytes.len());
//!         kv::set("visits", &vec![b'x'; visits + 1])?;
//!         Ok::<_, kv::Error>(visits + 1)
//!     })
//! };
//! assert_eq!((visits(&host), visits(&host)), (Ok(1), Ok(2)));
//! ```
//!
//! # Which of these to take
//!
//! | for | take |
//! |---|---|
//! | what a capsule remembers as one value | [`state`](crate::state): the fields of its own type |
//! | a value whose type is known | [`Key`], or [`get_json`] and [`set_json`] |
//! | the same, of a type that changes between versions | [`Versioned`] |
//! | many values of one kind | keys below a prefix, and [`keys`] to list them |
//! | bytes | [`get`], [`set`], [`cas`] |
//!
//! A call may meet another one of the same principal: what is read, changed and written back belongs into
//! [`Key::update`], or goes by [`cas`].
//!
//! # Limits
//!
//! A key is text in Unicode's normal form C of 1 to [`MAX_KEY`] bytes without control characters, a value has at most
//! [`MAX_VALUE`] bytes, and one page or list at most [`MAX_KEYS`] keys. The keys and values of one capsule for one
//! principal have at most 64 MiB together.

#[cfg(target_family = "wasm")]
mod component;
mod error;
mod json;
mod key;
mod keys;
#[cfg(not(target_family = "wasm"))]
mod native;
mod versioned;

#[cfg(target_family = "wasm")]
use component as backend;
#[cfg(not(target_family = "wasm"))]
use native as backend;

pub use error::Error;
pub use json::{get_json, set_json};
pub use key::{Entry, Key, MAX_RETRIES};
pub use keys::{Keys, keys};
pub use versioned::{Old, Versioned};

/// The most bytes of a key, by the contract.
pub const MAX_KEY: usize = 256;

/// The most bytes of a value: 1 MiB, by the contract.
pub const MAX_VALUE: usize = 1 << 20;

/// The most keys of one page, and of [`list_keys`]: 1,024, by the contract.
pub const MAX_KEYS: usize = 1_024;

/// Keys, in the order of their bytes: the contract's `key-page`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<String>,
    /// Where the next page begins; none if this is the last one.
    pub next_cursor: Option<String>,
}

/// The value of a key, none if there is none.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    backend::kv_get(key)
}

/// Writes a value.
pub fn set(key: &str, value: &[u8]) -> Result<(), Error> {
    backend::kv_set(key, value)
}

/// Writes a value if what is there is `expected`: none, or these bytes. If it isn't, that is [`Error::CasMismatch`].
pub fn cas(key: &str, expected: Option<&[u8]>, new: &[u8]) -> Result<(), Error> {
    backend::kv_cas(key, expected, new)
}

/// Removes a key, if it is there.
pub fn delete(key: &str) -> Result<(), Error> {
    backend::kv_delete(key)
}

/// Removes all keys that begin with `prefix`, and answers how many those were.
pub fn clear_prefix(prefix: &str) -> Result<u64, Error> {
    backend::kv_clear_prefix(prefix)
}

/// All keys that begin with `prefix`; [`Error::TooLarge`] if there are more than [`MAX_KEYS`].
pub fn list_keys(prefix: &str) -> Result<Vec<String>, Error> {
    backend::kv_list_keys(prefix)
}

/// At most `limit` keys that begin with `prefix` and come after `cursor`. A limit of 0 is [`MAX_KEYS`], and so is a larger
/// one.
pub fn list_keys_page(prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
    backend::kv_list_keys_page(prefix, cursor, limit)
}
