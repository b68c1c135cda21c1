//! What opens the functions of the package.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const LIFECYCLE: Gate = Gate::OPEN.in_lifecycle().verified();
const OPEN_VERIFIED: Gate = Gate::OPEN.verified();

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:elicit/host",
    versions: &["1.0.0"],
    served: true,
    denial: Some("not-in-lifecycle"),
    functions: &[("elicit", LIFECYCLE), ("has-secret", OPEN_VERIFIED)],
}];
