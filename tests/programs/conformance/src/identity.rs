//! What is asked of `astrid:identity`. Each case has accounts of its own.

use astrid_sdk::{
    identity::{self, Account},
    prelude::*,
};

use crate::{Case, case};

pub const CASES: &[Case] = &[
    case("an account that nobody has", || resolved("nobody"), "none"),
    case("an account that is linked", linked, "true Ada"),
    case("a user without a name", nameless, "true none"),
    case("a platform in capitals", capitals, "true"),
    case(
        "an account that is linked twice",
        twice,
        "ok already-linked already-linked",
    ),
    case(
        "an account that is unlinked",
        unlinked,
        "ok link-not-found none ok",
    ),
    case(
        "the links of a user",
        links,
        "conformance links-a passkey true, conformance links-b password true",
    ),
    case(
        "a user without links",
        || Ok(identity::links(&user()?)?.len().to_string()),
        "0",
    ),
    case(
        "a user that is not there",
        not_there,
        "user-not-found user-not-found",
    ),
    case(
        "an account that is none",
        none,
        "invalid-input invalid-input invalid-input invalid-input",
    ),
];

const NOT_THERE: &str = "00000000-0000-4000-8000-00000000dead";

fn user() -> Result<String> {
    Ok(identity::create_user(Some("Ada"))?)
}

fn account(name: &str) -> Account {
    Account::new("conformance", name)
}

fn resolved(name: &str) -> Result<String> {
    let user = identity::resolve(&account(name))?;
    Ok(user.map_or_else(|| "none".into(), |user| user.id))
}

fn linked() -> Result<String> {
    let (account, ada) = (account("linked"), user()?);
    identity::link(&account, &ada, "passkey")?;
    let user = identity::resolve(&account)?.ok_or("it is not linked")?;
    Ok(format!(
        "{} {}",
        user.id == ada,
        user.display_name.unwrap_or_default()
    ))
}

fn nameless() -> Result<String> {
    let (account, id) = (account("nameless"), identity::create_user(None)?);
    identity::link(&account, &id, "passkey")?;
    let user = identity::resolve(&account)?.ok_or("it is not linked")?;
    let name = user.display_name.unwrap_or_else(|| "none".into());
    Ok(format!("{} {name}", user.id == id && id != self::user()?))
}

fn capitals() -> Result<String> {
    let ada = user()?;
    identity::link(&Account::new(" Conformance ", "capitals"), &ada, "passkey")?;
    Ok((resolved("capitals")? == ada).to_string())
}

fn twice() -> Result<String> {
    let (account, ada, other) = (account("twice"), user()?, user()?);
    let users = [&ada, &ada, &other];
    Ok(users
        .map(|user| told(identity::link(&account, user, "passkey")))
        .join(" "))
}

fn unlinked() -> Result<String> {
    let (account, ada) = (account("unlinked"), user()?);
    identity::link(&account, &ada, "passkey")?;
    let (first, second) = (
        told(identity::unlink(&account)),
        told(identity::unlink(&account)),
    );
    let whose = resolved("unlinked")?;
    Ok(format!(
        "{first} {second} {whose} {}",
        told(identity::link(&account, &ada, "passkey"))
    ))
}

fn links() -> Result<String> {
    let ada = user()?;
    identity::link(&account("links-b"), &ada, "password")?;
    identity::link(&account("links-a"), &ada, "passkey")?;
    let mut links: Vec<_> = identity::links(&ada)?
        .into_iter()
        .map(|link| {
            let is_time = link.linked_at.len() >= 20 && link.linked_at.get(10..11) == Some("T");
            format!(
                "{} {} {} {is_time}",
                link.platform, link.platform_user_id, link.method
            )
        })
        .collect();
    links.sort();
    Ok(links.join(", "))
}

fn not_there() -> Result<String> {
    let linked = told(identity::link(&account("not-there"), NOT_THERE, "passkey"));
    Ok(format!(
        "{linked} {}",
        told(identity::links(NOT_THERE).map(drop))
    ))
}

fn none() -> Result<String> {
    let ada = user()?;
    let accounts = [
        Account::new(" ", "a"),
        account(""),
        account("a\n"),
        Account::new("a\0", "a"),
    ];
    Ok(accounts
        .map(|account| told(identity::link(&account, &ada, "passkey")))
        .join(" "))
}

fn told(result: Result<(), identity::Error>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(identity::Error::CapabilityDenied(_)) => "capability-denied",
        Err(identity::Error::InvalidInput) => "invalid-input",
        Err(identity::Error::UserNotFound) => "user-not-found",
        Err(identity::Error::LinkNotFound) => "link-not-found",
        Err(identity::Error::AlreadyLinked) => "already-linked",
        Err(identity::Error::StoreUnavailable) => "store-unavailable",
        Err(_) => "unknown",
    }
}
