//! `astrid:uplink`: messages to the users of a platform.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const UPLINK: Gate = Gate::capability(&["uplink"]);

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:uplink/host",
    versions: &["1.0.0"],
    served: false,
    denial: Some("capability-denied"),
    functions: &[("uplink-register", UPLINK), ("uplink-send", UPLINK)],
}];
