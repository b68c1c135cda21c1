//! The name of a capsule.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A capsule's name: `[a-z0-9][a-z0-9_-]{0,63}`, so it is also a safe name for a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CapsuleName(String);

/// The string is no capsule name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a capsule's name is 1 to 64 characters of a-z, 0-9, `_` and `-`, the first a letter or digit"
)]
pub struct NameError;

impl CapsuleName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = crate::limits::names::NAME_BYTES;

    /// Parses a name.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the name is not of the form above.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let valid = text.len() <= Self::MAX_BYTES
            && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && text.bytes().all(inner);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError)
        }
    }

    /// The name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CapsuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CapsuleName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<CapsuleName> for String {
    fn from(name: CapsuleName) -> Self {
        name.0
    }
}

impl Borrow<str> for CapsuleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for CapsuleName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for CapsuleName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(64);
        for good in ["a", "0", "my-capsule_2", longest.as_str()] {
            assert_eq!(CapsuleName::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "-a",
            "_a",
            "A",
            "a.b",
            "a/b",
            "..",
            "ä",
            "a b",
            long.as_str(),
        ] {
            assert_eq!(CapsuleName::parse(bad), Err(NameError), "{bad}");
        }
    }
}
