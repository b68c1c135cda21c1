//! The gate table and the contract say the same.

use std::collections::{BTreeMap, BTreeSet};

use astrid_e2e::folders;
use astrid_host::policy::gates::{self, INTERFACES};
use wit_parser::Resolve;

/// What is known of an interface: versions, and the functions of all of them by their name in a binary.
type Known = (BTreeSet<String>, BTreeSet<String>);

/// The interfaces of `wit/`.
fn contract() -> BTreeMap<String, Known> {
    let mut resolve = Resolve::new();
    resolve.push_dir(folders::root().join("wit")).unwrap();
    let mut interfaces = BTreeMap::<String, Known>::new();
    for (_, interface) in &resolve.interfaces {
        let package = &resolve.packages[interface.package.unwrap()].name;
        let name = interface.name.as_deref().unwrap();
        let (versions, functions) = interfaces
            .entry(format!("{}:{}/{name}", package.namespace, package.name))
            .or_default();
        versions.insert(package.version.as_ref().unwrap().to_string());
        functions.extend(interface.functions.keys().cloned());
    }
    interfaces
}

#[test]
fn each_function_has_a_row_and_each_row_a_function() {
    let contract = contract();
    assert!(contract.len() > 15, "wit/ was read");
    let table: BTreeMap<_, Known> = INTERFACES
        .iter()
        .map(|interface| {
            let versions = interface
                .versions
                .iter()
                .map(|version| (*version).to_owned());
            let functions = interface
                .functions
                .iter()
                .map(|(name, _)| (*name).to_owned());
            (
                interface.name.to_owned(),
                (versions.collect(), functions.collect()),
            )
        })
        .collect();
    assert_eq!(table, contract);
}

#[test]
fn no_interface_and_no_function_has_two_rows() {
    let names: BTreeSet<_> = INTERFACES.iter().map(|interface| interface.name).collect();
    assert_eq!(names.len(), INTERFACES.len());
    for interface in INTERFACES {
        let functions: BTreeSet<_> = interface.functions.iter().map(|(name, _)| name).collect();
        assert_eq!(
            functions.len(),
            interface.functions.len(),
            "{}",
            interface.name
        );
        assert_eq!(
            gates::interface(interface.name).unwrap().name,
            interface.name
        );
    }
}
