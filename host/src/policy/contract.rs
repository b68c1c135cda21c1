//! Interfaces that capsules import: their functions, each with the gate that opens it, and who offers them.
//!
//! The tables themselves stand with the packages ([`crate::domain`]), an embedder's with its domain. A function without a
//! row cannot be called, so a new one is closed until somebody has decided.

use super::gate::{Gate, Row};
use crate::manifest::Capability;
use crate::text::same;

/// One interface, with all the versions in which it is known.
#[derive(Debug)]
pub struct Interface {
    /// Its name without a version, such as `astrid:sys/host`.
    pub name: &'static str,
    /// The released versions, oldest first.
    pub versions: &'static [&'static str],
    /// Whether this host offers it. What it does not offer has its gates decided all the same.
    pub served: bool,
    /// What a guest is told of a denial: a case of the interface's error code or decision, `unknown` (with the text) where
    /// there is none for it, or nothing where all is open.
    pub denial: Option<&'static str>,
    /// Functions by their name in a binary, with what opens them. A version has these or fewer.
    pub functions: &'static [(&'static str, Gate)],
}

/// The row of a function, for the code that serves it: looked up when that is compiled.
///
/// # Panics
/// If there is none; in a constant that is an error of the compiler.
pub const fn row(
    interfaces: &'static [Interface],
    interface: &'static str,
    function: &'static str,
) -> Row<'static> {
    let mut at = 0;
    while at < interfaces.len() {
        let rows = interfaces[at].functions;
        let mut row = 0;
        while same(interfaces[at].name, interface) && row < rows.len() {
            let (name, gate) = rows[row];
            if same(name, function) {
                return Row {
                    interface,
                    function,
                    gate,
                };
            }
            row += 1;
        }
        at += 1;
    }
    panic!("the gate table has no row for this function")
}

/// Fails for a gate that asks for a capability of an embedder's which is not among these.
///
/// # Panics
/// If there is one; in a constant that is an error of the compiler.
pub(crate) const fn assert_declared(interfaces: &[Interface], declared: &[Capability]) {
    let mut at = 0;
    while at < interfaces.len() {
        let rows = interfaces[at].functions;
        let mut row = 0;
        while row < rows.len() {
            let needs = rows[row].1.custom_needs();
            let mut need = 0;
            while need < needs.len() {
                assert!(
                    is_among(&needs[need], declared),
                    "a gate asks for a capability that its domain does not declare in CAPABILITIES"
                );
                need += 1;
            }
            row += 1;
        }
        at += 1;
    }
}

const fn is_among(capability: &Capability, all: &[Capability]) -> bool {
    let mut at = 0;
    while at < all.len() {
        let namespaces = match (all[at].namespace, capability.namespace) {
            (Some(one), Some(other)) => same(one, other),
            _ => false,
        };
        if namespaces && same(all[at].key, capability.key) {
            return true;
        }
        at += 1;
    }
    false
}

/// Everything that a host knows how to judge: the interfaces of the contract, and those of an embedder's domains.
#[derive(Debug, Clone)]
pub struct Offer {
    contract: &'static [&'static [Interface]],
    custom: Vec<&'static Interface>,
}

/// An interface, and whose it is.
#[derive(Debug, Clone, Copy)]
pub enum Offered {
    /// One of the contract, served or not.
    Contract(&'static Interface),
    /// One of an embedder's domain.
    Custom(&'static Interface),
}

impl Offer {
    /// The interfaces of the contract, a table for each package, and those of an embedder.
    pub fn new(
        contract: &'static [&'static [Interface]],
        custom: impl IntoIterator<Item = &'static Interface>,
    ) -> Self {
        Self {
            contract,
            custom: custom.into_iter().collect(),
        }
    }

    /// The interface of this name, without a version.
    pub fn interface(&self, name: &str) -> Option<Offered> {
        let is_it = |interface: &&'static Interface| interface.name == name;
        let custom = self.custom.iter().copied().find(is_it);
        custom.map(Offered::Custom).or_else(|| {
            let contract = self.contract.iter().copied().flatten().find(is_it);
            contract.map(Offered::Contract)
        })
    }
}

impl Interface {
    /// What opens a function; none if the interface has none of that name.
    pub fn gate(&self, function: &str) -> Option<Gate> {
        let mut rows = self.functions.iter();
        rows.find(|(name, _)| *name == function)
            .map(|(_, gate)| *gate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHARGE: Capability = Capability::flag("acme:billing", "charge", "Charges customers.");
    const REFUND: Capability = Capability::flag("acme:billing", "refund", "Gives it back.");
    const BILLING: &[Interface] = &[Interface {
        name: "acme:billing/host",
        versions: &["1.0.0"],
        served: true,
        denial: None,
        functions: &[
            ("look", Gate::OPEN),
            ("charge", Gate::OPEN.custom(&[CHARGE])),
        ],
    }];

    #[test]
    fn a_gate_asks_for_what_its_domain_declares() {
        assert_declared(BILLING, &[REFUND, CHARGE]);
        assert_declared(&[], &[]);
    }

    #[test]
    #[should_panic(expected = "does not declare")]
    fn a_gate_that_asks_for_another_does_not_compile_where_it_is_a_constant() {
        assert_declared(BILLING, &[REFUND]);
    }
}
