//! Why something about identities did not work.

use core::fmt;

/// How much of `identity` a function needs. Each level has what the ones before it have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// [`resolve`](super::resolve).
    Resolve,
    /// [`link`](super::link), [`unlink`](super::unlink) and [`links`](super::links).
    Link,
    /// [`create_user`](super::create_user).
    Admin,
}

impl Level {
    /// Its name in Capsule.toml.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Link => "link",
            Self::Admin => "admin",
        }
    }
}

/// Why the host did not do what it was asked: the contract's `error-code`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The manifest does not ask for this level of `identity`, or it is above [`Level::Resolve`] and an uplink only claims on
    /// whose behalf the call is.
    CapabilityDenied(Level),
    /// A platform, an id, a name or a method is empty where it may not be, too long, or has a control character.
    InvalidInput,
    /// There is no such user.
    UserNotFound,
    /// The account is not linked to a user.
    LinkNotFound,
    /// The account is linked to a user already.
    AlreadyLinked,
    /// The store of identities cannot be asked.
    StoreUnavailable,
    /// Something the contract has no code for, in the host's words.
    Unknown(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CapabilityDenied(level) => {
                let level = level.as_str();
                return write!(
                    f,
                    "identities are denied: add under [capabilities] in Capsule.toml: identity = [\"{level}\"]; it does not \
                     help where an uplink only claims on whose behalf the call is"
                );
            }
            Self::InvalidInput => {
                "the platform, the id, the name or the method is empty or too long, or has a control character: give another"
            }
            Self::UserNotFound => "there is no such user: `identity::create_user` makes one",
            Self::LinkNotFound => "the account is not linked: `identity::link` links it to a user",
            Self::AlreadyLinked => {
                "the account is linked to a user already: unlink it with `identity::unlink` first"
            }
            Self::StoreUnavailable => "the store of identities cannot be asked: try it again later",
            Self::Unknown(text) => text,
        })
    }
}

impl std::error::Error for Error {}
