//! The name of a principal, as a type of its own: in a call with a topic the two can't be exchanged.

use core::{fmt, str::FromStr};

use super::Error;

/// The name of a principal: 1 to 64 characters of `[a-z0-9_-]`, the first a letter or a digit.
///
/// ```
/// use astrid_sdk::ipc::{Error, Principal};
///
/// assert_eq!(Principal::new("ada-2")?.as_str(), "ada-2");
/// assert_eq!(Principal::new("user.v1.prompt"), Err(Error::InvalidInput));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(String);

impl Principal {
    /// The principal of this name, whether or not the host knows it. [`Error::InvalidInput`] for what is no name.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let begins = name.starts_with(|first: char| first != '_' && first != '-');
        if begins && name.len() <= 64 && name.bytes().all(inner) {
            Ok(Self(name))
        } else {
            Err(Error::InvalidInput)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Principal {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::new(name)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
