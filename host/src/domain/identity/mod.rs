//! `astrid:identity`: which principals the users of a platform are.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const IDENTITY: Gate = Gate::capability(&["identity"]);
const IDENTITY_VERIFIED: Gate = IDENTITY.verified();

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:identity/host",
    versions: &["1.0.0"],
    served: false,
    denial: Some("capability-denied"),
    functions: &[
        ("identity-resolve", IDENTITY),
        ("identity-link", IDENTITY_VERIFIED),
        ("identity-unlink", IDENTITY_VERIFIED),
        ("identity-create-user", IDENTITY_VERIFIED),
        ("identity-list-links", IDENTITY_VERIFIED),
    ],
}];
