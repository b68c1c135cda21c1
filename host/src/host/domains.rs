//! The domains of an embedder, before they join a host: what a host cannot take is refused here, and each is handed its part
//! of etc/config.toml.

use super::BuildError;
use crate::config::{ConfigError, HostConfig};
use crate::domain::AnyDomain;
use crate::home::Home;
use crate::manifest::Capability;
use crate::policy::contract::Interface;

/// Refuses domains that a host cannot tell apart, interfaces that only the contract may have, and names that no component
/// can ask for.
pub(super) fn check(custom: &[Box<dyn AnyDomain>]) -> Result<(), BuildError> {
    for (at, domain) in custom.iter().enumerate() {
        let checked = check_one(domain.as_ref(), &custom[..at]);
        checked.map_err(|reason| BuildError::Domain {
            domain: domain.name(),
            reason,
        })?;
    }
    Ok(())
}

fn check_one(domain: &dyn AnyDomain, before: &[Box<dyn AnyDomain>]) -> Result<(), String> {
    if before.iter().any(|other| other.id() == domain.id()) {
        return Err("a domain of its type was added before".into());
    }
    for (at, interface) in domain.interfaces().iter().enumerate() {
        check_interface(interface)?;
        let name = interface.name;
        let same = |other: &Interface| other.name == name;
        if domain.interfaces()[..at].iter().any(same) {
            return Err(format!("`{name}` is there twice in its INTERFACES"));
        }
        if before
            .iter()
            .any(|other| other.interfaces().iter().any(same))
        {
            return Err(format!(
                "`{name}` is served by a domain that was added before"
            ));
        }
    }
    for capability in domain.capabilities() {
        let same = |other: &Capability| {
            (other.namespace, other.key) == (capability.namespace, capability.key)
        };
        let mut others = before.iter().flat_map(|other| other.capabilities());
        if others.any(same) {
            return Err(format!(
                "`{capability}` is a capability of a domain that was added before"
            ));
        }
    }
    if let Some(section) = domain.section() {
        if HostConfig::TABLES.contains(&section) {
            return Err(format!("[{section}] of etc/config.toml is the host's own"));
        }
        if before.iter().any(|other| other.section() == Some(section)) {
            return Err(format!(
                "[{section}] of etc/config.toml is that of a domain that was added before"
            ));
        }
    }
    Ok(())
}

fn check_interface(interface: &Interface) -> Result<(), String> {
    let name = interface.name;
    if name.starts_with("astrid:") {
        return Err(format!(
            "`{name}` is of the contract, which only the host serves"
        ));
    }
    let is_name = name
        .split_once(':')
        .and_then(|(_, rest)| rest.split_once('/'))
        .is_some_and(|(package, interface)| !package.is_empty() && !interface.is_empty());
    if !is_name || name.contains('@') {
        return Err(format!(
            "`{name}` is no interface: write it as `namespace:package/interface`, its versions apart"
        ));
    }
    for (at, (function, _)) in interface.functions.iter().enumerate() {
        let before = &interface.functions[..at];
        if before.iter().any(|(other, _)| other == function) {
            return Err(format!("`{function}` of `{name}` has two rows"));
        }
    }
    Ok(())
}

/// Hands a domain its part of etc/config.toml.
pub(super) fn configure(
    domain: &mut dyn AnyDomain,
    home: &Home,
    tables: &mut toml::Table,
) -> Result<(), BuildError> {
    let Some(section) = domain.section() else {
        return Ok(());
    };
    let table = match tables.remove(section) {
        None => Ok(toml::Table::new()),
        Some(toml::Value::Table(table)) => Ok(table),
        Some(other) => Err(format!("a table is expected, not {}", other.type_str())),
    };
    let configured = table.and_then(|table| domain.configure(table));
    configured.map_err(|reason| {
        let path = home.root().join("etc/config.toml");
        let reason = format!("[{section}] {reason}");
        BuildError::Config(ConfigError::Invalid { path, reason })
    })
}
