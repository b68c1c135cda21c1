//! Who a person of a chat platform or the like is here: the host's interface `astrid:identity/host@1.0.0`.
//!
//! A person has an [`Account`] on a platform. Linked to a user, the account is resolved to that user from then on.
//!
//! ```
//! use astrid_sdk::identity::{self, Account};
//! # let manifest = "[capabilities]\nidentity = [\"admin\"]";
//! # astrid_sdk::testing::Host::new().manifest(manifest).run(|| {
//! let account = Account::new("chat", "u-17");
//! assert_eq!(identity::resolve(&account)?, None);
//!
//! let ada = identity::create_user(Some("Ada"))?;
//! identity::link(&account, &ada, "invitation")?;
//! let user = identity::resolve(&account)?;
//! assert_eq!(user.and_then(|user| user.display_name).as_deref(), Some("Ada"));
//! # Ok::<(), identity::Error>(())
//! # }).unwrap();
//! ```
//!
//! # What it needs
//!
//! `identity = ["resolve"]` under `[capabilities]` in Capsule.toml, or `"link"` or `"admin"`: see [`Level`]. Whatever changes
//! or lists links is refused where an uplink only claims on whose behalf the call is.

use core::fmt;

#[cfg(target_family = "wasm")]
mod component;
mod error;
#[cfg(not(target_family = "wasm"))]
mod native;

#[cfg(target_family = "wasm")]
use component as backend;
#[cfg(not(target_family = "wasm"))]
use native as backend;

pub use error::{Error, Level};

/// An account of a person on a platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// The platform, such as `discord`. Spaces around it, and the case of its letters, do not count.
    pub platform: String,
    /// What the platform calls the person.
    pub user: String,
}

impl Account {
    /// An account.
    pub fn new(platform: impl Into<String>, user: impl Into<String>) -> Self {
        Self {
            platform: platform.into(),
            user: user.into(),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.user, self.platform)
    }
}

/// A user that accounts may be linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: String,
    /// What the user is called, if anything is known.
    pub display_name: Option<String>,
}

/// A link of a user: the contract's `platform-link`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The platform, in lower case.
    pub platform: String,
    /// What the platform calls the person.
    pub platform_user_id: String,
    /// When it was linked, RFC 3339.
    pub linked_at: String,
    /// How it was linked, as [`link`] was told.
    pub method: String,
}

impl Link {
    /// The account that is linked.
    pub fn account(&self) -> Account {
        Account::new(&*self.platform, &*self.platform_user_id)
    }
}

/// The user to whom an account is linked, none if it is linked to nobody. Needs [`Level::Resolve`].
pub fn resolve(account: &Account) -> Result<Option<User>, Error> {
    match backend::resolve(account) {
        Ok(user) => Ok(Some(user)),
        Err(Error::LinkNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Links an account to a user, and keeps by which method it was shown to be the user's, such as `passkey`. One that is
/// linked already is [`Error::AlreadyLinked`]. Needs [`Level::Link`].
pub fn link(account: &Account, user_id: &str, method: &str) -> Result<(), Error> {
    backend::link(account, user_id, method)
}

/// Ends the link of an account; [`Error::LinkNotFound`] if there is none. Needs [`Level::Link`].
pub fn unlink(account: &Account) -> Result<(), Error> {
    backend::unlink(account)
}

/// The links of a user. Needs [`Level::Link`].
pub fn links(user_id: &str) -> Result<Vec<Link>, Error> {
    backend::links(user_id)
}

/// Makes a user, and answers the id. Needs [`Level::Admin`].
pub fn create_user(display_name: Option<&str>) -> Result<String, Error> {
    backend::create_user(display_name)
}
