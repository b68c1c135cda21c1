//! The functions behind [`identity`](crate::identity) on a host in memory, and what a test says of users and links.

use std::collections::BTreeMap;

use toml::Value;

use super::{Account, Error, Level, Link, User};
use crate::testing::{
    Host, TIMESTAMP,
    state::{self, Core, PackageState},
};

/// The capability.
const IDENTITY: &str = "identity";
/// The most bytes of a platform, an id, a name or a method.
const MAX_TEXT: usize = 256;

/// What this package keeps.
#[derive(Debug, Default)]
struct Identities {
    /// Users by their ids, with what they are called.
    users: BTreeMap<String, Option<String>>,
    /// Links by their accounts, each with its user.
    links: BTreeMap<Account, (String, Link)>,
    /// How many users were made.
    made: u64,
    are_unavailable: bool,
}

impl PackageState for Identities {}

impl Host {
    /// Has a user there.
    pub fn user(self, id: impl Into<String>, display_name: Option<&str>) -> Self {
        let (id, name) = (id.into(), display_name.map(String::from));
        self.set(|identities: &mut Identities| {
            identities.users.insert(id, name);
        })
    }

    /// Has an account linked to a user, who is there from then on:
    ///
    /// ```
    /// use astrid_sdk::{identity::{self, Account}, testing::Host};
    ///
    /// let account = Account::new("chat", "u-17");
    /// let host = Host::new().capability("identity").user("ada", Some("Ada")).linked(&account, "ada");
    /// let user = host.run(|| identity::resolve(&account))?;
    /// assert_eq!(user.map(|user| user.id).as_deref(), Some("ada"));
    /// # Ok::<(), identity::Error>(())
    /// ```
    pub fn linked(self, account: &Account, user_id: impl Into<String>) -> Self {
        let (account, user_id) = (normal(account), user_id.into());
        self.set(|identities: &mut Identities| {
            identities.users.entry(user_id.clone()).or_default();
            identities.insert(account, user_id, "test");
        })
    }

    /// Lets the store of identities be out of reach, or in reach again.
    pub fn identities_unavailable(&self, are_unavailable: bool) {
        self.package(|_, identities: &mut Identities| {
            identities.are_unavailable = are_unavailable;
        });
    }
}

impl Identities {
    fn insert(&mut self, account: Account, user_id: String, method: &str) {
        let link = Link {
            platform: account.platform.clone(),
            platform_user_id: account.user.clone(),
            linked_at: TIMESTAMP.into(),
            method: method.into(),
        };
        self.links.insert(account, (user_id, link));
    }
}

/// The platform as it is compared.
fn normal(account: &Account) -> Account {
    Account {
        platform: account.platform.trim().to_lowercase(),
        user: account.user.clone(),
    }
}

/// Does something for a capsule that has a level.
fn with<T>(
    level: Level,
    function: impl FnOnce(&mut Identities) -> Result<T, Error>,
) -> Result<T, Error> {
    state::with(|core, identities: &mut Identities| {
        if held(core) < Some(level) {
            return Err(Error::CapabilityDenied(level));
        }
        if identities.are_unavailable {
            return Err(Error::StoreUnavailable);
        }
        function(identities)
    })
}

/// The highest level that the capsule holds; all of it where a test holds it without a list.
fn held(core: &Core) -> Option<Level> {
    let levels = [Level::Resolve, Level::Link, Level::Admin];
    match core.capabilities.get(IDENTITY)? {
        Value::Array(listed) => {
            let is_listed = |level: &Level| {
                listed
                    .iter()
                    .any(|one| one.as_str() == Some(level.as_str()))
            };
            levels.into_iter().filter(is_listed).max()
        }
        _ => Some(Level::Admin),
    }
}

fn checked(text: &str, may_be_empty: bool) -> Result<(), Error> {
    let is_valid = text.len() <= MAX_TEXT
        && (may_be_empty || !text.is_empty())
        && !text.chars().any(char::is_control);
    if is_valid {
        Ok(())
    } else {
        Err(Error::InvalidInput)
    }
}

fn checked_account(account: &Account) -> Result<Account, Error> {
    let account = normal(account);
    checked(&account.platform, false)?;
    checked(&account.user, false)?;
    Ok(account)
}

pub fn resolve(account: &Account) -> Result<User, Error> {
    with(Level::Resolve, |identities| {
        let account = checked_account(account)?;
        let (id, _) = identities.links.get(&account).ok_or(Error::LinkNotFound)?;
        Ok(User {
            id: id.clone(),
            display_name: identities.users.get(id).cloned().flatten(),
        })
    })
}

pub fn link(account: &Account, user_id: &str, method: &str) -> Result<(), Error> {
    with(Level::Link, |identities| {
        let account = checked_account(account)?;
        checked(user_id, false)?;
        checked(method, false)?;
        if !identities.users.contains_key(user_id) {
            return Err(Error::UserNotFound);
        }
        if identities.links.contains_key(&account) {
            return Err(Error::AlreadyLinked);
        }
        identities.insert(account, user_id.into(), method);
        Ok(())
    })
}

pub fn unlink(account: &Account) -> Result<(), Error> {
    with(Level::Link, |identities| {
        let account = checked_account(account)?;
        let link = identities.links.remove(&account);
        link.map(drop).ok_or(Error::LinkNotFound)
    })
}

pub fn links(user_id: &str) -> Result<Vec<Link>, Error> {
    with(Level::Link, |identities| {
        checked(user_id, false)?;
        if !identities.users.contains_key(user_id) {
            return Err(Error::UserNotFound);
        }
        let links = identities.links.values();
        let own = links.filter(|(whose, _)| whose == user_id);
        Ok(own.map(|(_, link)| link.clone()).collect())
    })
}

pub fn create_user(display_name: Option<&str>) -> Result<String, Error> {
    with(Level::Admin, |identities| {
        checked(display_name.unwrap_or_default(), true)?;
        identities.made += 1;
        let id = format!("00000000-0000-4000-9000-{:012}", identities.made);
        let name = display_name.map(String::from);
        identities.users.insert(id.clone(), name);
        Ok(id)
    })
}
