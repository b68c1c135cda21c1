//! What opens the functions of the package: nothing is needed.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const OPEN: Gate = Gate::OPEN;

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:kv/host",
    versions: &["1.0.0"],
    served: true,
    denial: None,
    functions: &[
        ("kv-get", OPEN),
        ("kv-set", OPEN),
        ("kv-delete", OPEN),
        ("kv-list-keys", OPEN),
        ("kv-list-keys-page", OPEN),
        ("kv-clear-prefix", OPEN),
        ("kv-cas", OPEN),
    ],
}];
