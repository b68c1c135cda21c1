//! What is in the file: four tables, how their keys and values are encoded, and the checksums.
//!
//! * `entries`: scope and key to a [`Header`], with the value where it has at most [`INLINE`] bytes. So listing, quotas and
//!   overwriting never read large values.
//! * `values`: version to a larger value.
//! * `usage`: scope, and principal, to the bytes of their keys and values.
//! * `meta`: the version of this format, and the version of the value that was written last.
//!
//! The library checks its pages when it repairs a file, never when it reads, so each value carries a checksum of its own.

use redb::TableDefinition;

use crate::names::{CapsuleName, PrincipalId};
use crate::storage::kv::{KvScope, Version};

/// Most bytes of a value that lies beside its key.
pub(super) const INLINE: usize = 1024;
/// Version of this format.
pub(super) const FORMAT: u64 = 1;

pub(super) const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
pub(super) const VALUES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("values");
pub(super) const USAGE: TableDefinition<'_, &[u8], u64> = TableDefinition::new("usage");
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Key of [`META`] for [`FORMAT`].
pub(super) const META_FORMAT: &str = "format";
/// Key of [`META`] for the last version.
pub(super) const META_VERSION: &str = "version";

/// Ends a name in a key: no name contains it, so no scope is the beginning of another.
const END: u8 = 0;

/// The bytes with which all keys of a scope begin.
pub(super) fn scope_prefix(scope: &KvScope) -> Vec<u8> {
    let mut prefix = principal_prefix(&scope.principal);
    prefix.extend_from_slice(scope.capsule.as_str().as_bytes());
    prefix.push(END);
    prefix
}

/// The bytes with which all scopes of a principal begin; also its own key in [`USAGE`].
pub(super) fn principal_prefix(principal: &PrincipalId) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(160);
    prefix.extend_from_slice(principal.as_str().as_bytes());
    prefix.push(END);
    prefix
}

/// The scope of a key of [`USAGE`]; none if it is a principal's own, or no name that there can be.
pub(super) fn scope_of(key: &[u8]) -> Option<KvScope> {
    let mut names = key.split(|byte| *byte == END);
    let (principal, capsule) = (names.next()?, names.next()?);
    let principal: PrincipalId = std::str::from_utf8(principal).ok()?.parse().ok()?;
    let capsule = CapsuleName::parse(std::str::from_utf8(capsule).ok()?).ok()?;
    Some(KvScope { principal, capsule })
}

/// The first bytes after all those that begin with `prefix`; none if there are none.
pub(super) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}

/// Bytes of a checksum.
const CHECKSUM: usize = 16;
/// Bytes of a header: version, size, checksum.
const HEADER: usize = 8 + 4 + CHECKSUM;

type Checksum = [u8; CHECKSUM];

/// What is stored with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: Version,
    /// Bytes of the value.
    pub(super) size: u32,
}

impl Header {
    /// Whether the value lies in a table of its own.
    pub(super) fn is_apart(self) -> bool {
        self.size as usize > INLINE
    }
}

/// What is stored is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value is not what was written")]
pub(super) struct Damaged;

/// Reads what is stored with a key: the header, and the value where it lies beside it.
pub(super) fn parse<'a>(key: &[u8], bytes: &'a [u8]) -> Result<(Header, &'a [u8]), Damaged> {
    let (header, inline) = bytes.split_first_chunk::<HEADER>().ok_or(Damaged)?;
    let (version, rest) = header.split_first_chunk::<8>().ok_or(Damaged)?;
    let (size, sum) = rest.split_first_chunk::<4>().ok_or(Damaged)?;
    let header = Header {
        version: Version(u64::from_le_bytes(*version)),
        size: u32::from_le_bytes(*size),
    };
    let expected = if header.is_apart() { 0 } else { header.size };
    let is_whole = inline.len() == expected as usize && sum[..] == checksum(key, header, inline);
    if is_whole {
        Ok((header, inline))
    } else {
        Err(Damaged)
    }
}

/// Reads a value that lies apart.
pub(super) fn parse_apart<'a>(
    key: &[u8],
    header: Header,
    bytes: &'a [u8],
) -> Result<&'a [u8], Damaged> {
    let (sum, value) = bytes.split_first_chunk::<CHECKSUM>().ok_or(Damaged)?;
    let is_whole = value.len() == header.size as usize && *sum == checksum(key, header, value);
    if is_whole { Ok(value) } else { Err(Damaged) }
}

/// Puts together what is stored with a key.
pub(super) fn stored(key: &[u8], header: Header, value: &[u8]) -> Vec<u8> {
    let inline = if header.is_apart() { &[] } else { value };
    let mut bytes = Vec::with_capacity(HEADER + inline.len());
    bytes.extend_from_slice(&header.version.0.to_le_bytes());
    bytes.extend_from_slice(&header.size.to_le_bytes());
    bytes.extend_from_slice(&checksum(key, header, inline));
    bytes.extend_from_slice(inline);
    bytes
}

/// Puts together what is stored of a value that lies apart.
pub(super) fn stored_apart(key: &[u8], header: Header, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CHECKSUM + value.len());
    bytes.extend_from_slice(&checksum(key, header, value));
    bytes.extend_from_slice(value);
    bytes
}

/// Over the whole key, too: a value that moved to another key is not that key's.
fn checksum(key: &[u8], header: Header, value: &[u8]) -> Checksum {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(&header.version.0.to_le_bytes());
    hasher.update(&header.size.to_le_bytes());
    hasher.update(value);
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM]);
    checksum
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

    #[test]
    fn no_scope_is_the_beginning_of_another() {
        let scopes = [
            scope("a", "b"),
            scope("a", "b-c"),
            scope("a-b", "c"),
            scope("a", "bc"),
        ];
        for one in &scopes {
            for other in &scopes {
                let begins = scope_prefix(other).starts_with(&scope_prefix(one));
                assert_eq!(begins, one == other, "{one:?} {other:?}");
            }
            assert_eq!(scope_of(&scope_prefix(one)).as_ref(), Some(one));
        }
        assert_eq!(scope_of(&principal_prefix(&scopes[0].principal)), None);
    }

    #[test]
    fn what_follows_a_prefix_is_after_all_that_begins_with_it() {
        assert_eq!(after(b"a\x00"), Some(b"a\x01".to_vec()));
        assert_eq!(after(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(after(b"\xff"), None);
        assert_eq!(after(b""), None);
    }

    #[test]
    fn any_changed_byte_is_found() {
        let header = |value: &[u8]| Header {
            version: Version(7),
            size: value.len().try_into().expect("small"),
        };
        let check = |whole: &[u8], read: &dyn Fn(&[u8]) -> bool| {
            assert!(read(whole));
            for at in 0..whole.len() {
                let mut bytes = whole.to_vec();
                bytes[at] ^= 1;
                assert!(!read(&bytes), "byte {at}");
                assert!(!read(&whole[..at]), "{at} bytes");
            }
        };
        let small = stored(b"key", header(b"value"), b"value");
        check(&small, &|bytes| {
            parse(b"key", bytes) == Ok((header(b"value"), b"value"))
        });
        assert_eq!(parse(b"kez", &small), Err(Damaged));
        let large = [5; INLINE + 1];
        let row = stored(b"key", header(&large), &large);
        check(&row, &|bytes| {
            parse(b"key", bytes) == Ok((header(&large), b""))
        });
        let apart = stored_apart(b"key", header(&large), &large);
        check(&apart, &|bytes| {
            parse_apart(b"key", header(&large), bytes) == Ok(&large)
        });
    }
}
