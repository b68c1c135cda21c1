//! `astrid:elicit`: asking a person for a value, while a capsule is installed or upgraded.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const LIFECYCLE: Gate = Gate::OPEN.in_lifecycle().verified();
const OPEN_VERIFIED: Gate = Gate::OPEN.verified();

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:elicit/host",
    versions: &["1.0.0"],
    served: false,
    denial: Some("not-in-lifecycle"),
    functions: &[("elicit", LIFECYCLE), ("has-secret", OPEN_VERIFIED)],
}];
