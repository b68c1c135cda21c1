//! `astrid:process`: programs of the host's machine.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const OPEN: Gate = Gate::OPEN;
const HOST_PROCESS: Gate = Gate::capability(&["host_process"]);
const PERSISTENT: Gate = Gate::capability(&["host_process", "allow_persistent"]);

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:process/host",
    versions: &["1.0.0", "1.1.0"],
    served: false,
    denial: Some("capability-denied"),
    functions: &[
        ("[method]process-handle.read-logs", OPEN),
        ("[method]process-handle.write-stdin", OPEN),
        ("[method]process-handle.close-stdin", OPEN),
        ("[method]process-handle.signal", OPEN),
        ("[method]process-handle.kill", OPEN),
        ("[method]process-handle.wait", OPEN),
        ("[method]process-handle.wait-with-output", OPEN),
        ("[method]process-handle.os-pid", OPEN),
        ("[method]process-handle.subscribe-exit", OPEN),
        ("[method]process-handle.subscribe-logs", OPEN),
        ("spawn", HOST_PROCESS),
        ("spawn-background", HOST_PROCESS),
        ("spawn-persistent", PERSISTENT),
        ("attach", HOST_PROCESS),
        ("list-processes", HOST_PROCESS),
        ("status", HOST_PROCESS),
        ("status-many", HOST_PROCESS),
        ("read-logs", HOST_PROCESS),
        ("read-since", HOST_PROCESS),
        ("write-stdin", HOST_PROCESS),
        ("close-stdin", HOST_PROCESS),
        ("signal", HOST_PROCESS),
        ("wait", HOST_PROCESS),
        ("stop", HOST_PROCESS),
        ("release-process", HOST_PROCESS),
        ("watch", HOST_PROCESS),
        ("unwatch", HOST_PROCESS),
    ],
}];
