//! A principal's name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::names::NAME_BYTES;

/// The name of a principal: `[a-z0-9][a-z0-9_-]{0,63}`. Cloning it is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrincipalId(Arc<str>);

/// A text that is no principal's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no principal's name: up to 64 of a-z, 0-9, _ and -, beginning with a letter or a digit"
)]
pub struct InvalidPrincipal(String);

impl PrincipalId {
    /// The principal that every home has, for whom the operator acts unless another is named.
    pub fn default_principal() -> Self {
        Self("default".into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PrincipalId {
    type Err = InvalidPrincipal;

    fn from_str(name: &str) -> Result<Self, InvalidPrincipal> {
        let known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let first = name
            .bytes()
            .next()
            .is_some_and(|byte| byte != b'_' && byte != b'-');
        if first && name.len() <= NAME_BYTES && name.bytes().all(known) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidPrincipal(
                name.chars().take(NAME_BYTES + 1).collect(),
            ))
        }
    }
}

impl TryFrom<String> for PrincipalId {
    type Error = InvalidPrincipal;

    fn try_from(name: String) -> Result<Self, InvalidPrincipal> {
        name.parse()
    }
}

impl From<PrincipalId> for String {
    fn from(id: PrincipalId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "default", "0", "a-b_c", &"x".repeat(64)] {
            assert!(good.parse::<PrincipalId>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "_a",
            "A",
            "a.b",
            "a/b",
            "..",
            "a b",
            "é",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<PrincipalId>().is_err(), "{bad}");
        }
    }
}
