//! What opens the functions of the package.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const OPEN: Gate = Gate::OPEN;

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:sys/host",
    versions: &["1.0.0"],
    served: true,
    denial: Some("capability-denied"),
    functions: &[
        ("get-config", OPEN),
        ("get-caller", OPEN),
        ("log", OPEN),
        ("signal-ready", OPEN),
        ("clock-ms", OPEN),
        ("clock-monotonic-ns", OPEN),
        ("sleep-ns", OPEN),
        ("random-bytes", OPEN),
        ("check-capsule-capability", OPEN),
        ("enumerate-capabilities", OPEN),
    ],
}];
