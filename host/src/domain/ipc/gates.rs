//! What opens the functions of the package.

use crate::policy::contract::Interface;
use crate::policy::gate::{Gate, List};

const OPEN: Gate = Gate::OPEN;
const PUBLISH: Gate = Gate::OPEN.listed(List::Publish);
const UPLINK: Gate = Gate::capability(&["uplink"]);
const PUBLISH_AS: Gate = UPLINK.listed(List::Publish);
const SUBSCRIBE: Gate = Gate::OPEN.listed(List::Subscribe);

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:ipc/host",
    versions: &["1.0.0"],
    served: true,
    denial: Some("capability-denied"),
    functions: &[
        ("[method]subscription.poll", OPEN),
        ("[method]subscription.recv", OPEN),
        ("[method]subscription.subscribe-readiness", OPEN),
        ("publish", PUBLISH),
        ("publish-as", PUBLISH_AS),
        ("subscribe", SUBSCRIBE),
        ("get-interceptor-bindings", OPEN),
    ],
}];
