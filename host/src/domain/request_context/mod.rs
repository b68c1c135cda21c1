//! `astrid:request-context`: on whose connection a request came.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const OPEN: Gate = Gate::OPEN;

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:request-context/host",
    versions: &["1.0.0"],
    served: false,
    denial: None,
    functions: &[("connection-owner", OPEN), ("connection-principal", OPEN)],
}];
