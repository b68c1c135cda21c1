//! The functions behind [`identity`](crate::identity), as calls to the host. Only conversion belongs here.

use super::{Account, Error, Level, Link, User};
use crate::component::imports::astrid::identity::host;

/// An error of a function that needs a level.
fn failed(level: Level) -> impl FnOnce(host::ErrorCode) -> Error {
    move |code| match code {
        host::ErrorCode::CapabilityDenied => Error::CapabilityDenied(level),
        host::ErrorCode::InvalidInput => Error::InvalidInput,
        host::ErrorCode::UserNotFound => Error::UserNotFound,
        host::ErrorCode::LinkNotFound => Error::LinkNotFound,
        host::ErrorCode::AlreadyLinked => Error::AlreadyLinked,
        host::ErrorCode::StoreUnavailable => Error::StoreUnavailable,
        host::ErrorCode::Unknown(text) => Error::Unknown(text),
    }
}

pub fn resolve(account: &Account) -> Result<User, Error> {
    let request = host::IdentityResolveRequest {
        platform: account.platform.clone(),
        platform_user_id: account.user.clone(),
    };
    let user = host::identity_resolve(&request).map_err(failed(Level::Resolve))?;
    Ok(User {
        id: user.user_id,
        display_name: user.display_name,
    })
}

pub fn link(account: &Account, user_id: &str, method: &str) -> Result<(), Error> {
    let request = host::IdentityLinkRequest {
        platform: account.platform.clone(),
        platform_user_id: account.user.clone(),
        astrid_user_id: user_id.into(),
        method: method.into(),
    };
    host::identity_link(&request).map_err(failed(Level::Link))
}

pub fn unlink(account: &Account) -> Result<(), Error> {
    let request = host::IdentityUnlinkRequest {
        platform: account.platform.clone(),
        platform_user_id: account.user.clone(),
    };
    host::identity_unlink(&request).map_err(failed(Level::Link))
}

pub fn links(user_id: &str) -> Result<Vec<Link>, Error> {
    host::identity_list_links(user_id).map_err(failed(Level::Link))
}

pub fn create_user(display_name: Option<&str>) -> Result<String, Error> {
    let request = host::IdentityCreateUserRequest {
        display_name: display_name.map(String::from),
    };
    let user = host::identity_create_user(&request).map_err(failed(Level::Admin))?;
    Ok(user.user_id)
}
