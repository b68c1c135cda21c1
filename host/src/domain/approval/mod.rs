//! `astrid:approval`: asking a person whether something may be done.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const OPEN_VERIFIED: Gate = Gate::OPEN.verified();

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:approval/host",
    versions: &["1.0.0"],
    served: false,
    denial: Some("denied"),
    functions: &[("request-approval", OPEN_VERIFIED)],
}];
