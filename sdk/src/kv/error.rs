//! Why something about keys and values did not work: the contract's codes, and what can go wrong with a value on this side.

use core::fmt;

/// Why the host did not do what it was asked, or why a value cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The key, prefix or cursor is empty where it may not be, too long, not in normal form C, or has a control character.
    InvalidKey,
    /// A value above [`MAX_VALUE`](super::MAX_VALUE), or a list above [`MAX_KEYS`](super::MAX_KEYS).
    TooLarge,
    /// The capsule's keys and values for this principal would be more than are allowed.
    Quota,
    /// Another value is there than was expected.
    CasMismatch,
    /// Something the contract has no code for, in the host's words.
    Unknown(String),
    /// The value does not fit the type. It is left as it is.
    Unreadable {
        /// The key.
        key: String,
        /// What does not fit, and where; it names key and type.
        reason: String,
    },
    /// JSON cannot hold the value.
    Unwritable {
        /// The key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// The value is of a later version than this capsule knows. It is left as it is.
    Newer {
        /// The key.
        key: String,
        /// The version of the value.
        stored: u32,
        /// The last version that the capsule knows.
        known: u32,
    },
    /// The value is of an earlier version and was not migrated. It is left as it is.
    Migration {
        /// The key.
        key: String,
        /// The version of the value.
        stored: u32,
        /// Why not.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidKey => f.write_str(
                "the key is not 1 to 256 bytes of text in normal form C without control characters",
            ),
            Self::TooLarge => {
                f.write_str("the value has more than 1 MiB, or there are more than 1,024 keys")
            }
            Self::Quota => {
                f.write_str("there is no room for more keys and values of this principal")
            }
            Self::CasMismatch => f.write_str("another value is there than was expected"),
            Self::Unknown(text) => f.write_str(text),
            Self::Unreadable { reason, .. } => f.write_str(reason),
            Self::Unwritable { key, reason } => {
                write!(
                    f,
                    "the value of `{key}` cannot be written as JSON: {reason}"
                )
            }
            Self::Newer { key, stored, known } => write!(
                f,
                "the value of `{key}` is of version {stored}, and this capsule knows {known} at most: it is left as it is"
            ),
            Self::Migration {
                key,
                stored,
                reason,
            } => write!(
                f,
                "the value of `{key}` cannot be migrated from version {stored}, and is left as it is: {reason}"
            ),
        }
    }
}

impl std::error::Error for Error {}
