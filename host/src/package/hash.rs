//! BLAKE3 of a file of a package, as meta.json and `bin/` spell it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// BLAKE3 of a component, or of another file of a package: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComponentHash(String);

/// A text that is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 lower-case hexadecimal digits")]
pub struct InvalidHash;

impl ComponentHash {
    /// The hash of these bytes.
    pub fn of(component: &[u8]) -> Self {
        blake3::hash(component).into()
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<blake3::Hash> for ComponentHash {
    fn from(hash: blake3::Hash) -> Self {
        Self(hash.to_hex().to_string())
    }
}

impl FromStr for ComponentHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidHash)
        }
    }
}

impl TryFrom<String> for ComponentHash {
    type Error = InvalidHash;

    fn try_from(text: String) -> Result<Self, InvalidHash> {
        text.parse()
    }
}

impl From<ComponentHash> for String {
    fn from(hash: ComponentHash) -> Self {
        hash.0
    }
}

impl fmt::Display for ComponentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_spelling_is_a_hash() {
        let hash = ComponentHash::of(b"");
        assert_eq!(
            hash.as_str(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        assert_eq!(hash.as_str().parse(), Ok(hash.clone()));
        for bad in [
            "",
            "../..",
            &hash.as_str().to_uppercase(),
            &hash.as_str()[1..],
        ] {
            assert_eq!(bad.parse::<ComponentHash>(), Err(InvalidHash));
        }
    }
}
