//! The gate table: a row for each function that a capsule may import, and what opens it.
//!
//! A function without a row can't be linked, so a new one is closed until somebody has decided. A test walks
//! the WIT and fails on a function without a row, and on a row without a function.

use crate::policy::gate::{Gate, List, Row};

const OPEN: Gate = Gate::OPEN;
const OPEN_VERIFIED: Gate = Gate::OPEN.verified();
const PUBLISH: Gate = Gate::OPEN.listed(List::Publish);
const SUBSCRIBE: Gate = Gate::OPEN.listed(List::Subscribe);
const LIFECYCLE: Gate = Gate::OPEN.in_lifecycle().verified();
const UPLINK: Gate = Gate::capability(&["uplink"]);
const PUBLISH_AS: Gate = UPLINK.listed(List::Publish);
const NET: Gate = Gate::capability(&["net"]);
const NET_BIND: Gate = Gate::capability(&["net_bind"]);
const NET_CONNECT: Gate = Gate::capability(&["net_connect"]);
const NET_UDP: Gate = Gate::capability(&["net_udp"]);
const NET_LOOKUP: Gate = Gate::any_capability(&["net_connect", "net_udp"]);
const FS_READ: Gate = Gate::capability(&["fs_read"]);
const FS_WRITE: Gate = Gate::capability(&["fs_write"]);
const FS_ANY: Gate = Gate::any_capability(&["fs_read", "fs_write"]);
const FS_BOTH: Gate = Gate::capability(&["fs_read", "fs_write"]);
const HOST_PROCESS: Gate = Gate::capability(&["host_process"]);
const PERSISTENT: Gate = Gate::capability(&["host_process", "allow_persistent"]);
const IDENTITY: Gate = Gate::capability(&["identity"]);
const IDENTITY_VERIFIED: Gate = IDENTITY.verified();

/// `get-config` of a key whose type is `secret`; any other key is open to all, as the function's own row says.
pub const SECRET_CONFIG: Row<'static> = Row {
    interface: "astrid:sys/host",
    function: "get-config",
    gate: OPEN_VERIFIED,
};

/// One interface of the contract, with all the versions in which it is known.
#[derive(Debug)]
pub struct Interface {
    /// Its name without a version, such as `astrid:sys/host`.
    pub name: &'static str,
    /// The released versions, oldest first.
    pub versions: &'static [&'static str],
    /// Whether this host offers it. What it doesn't offer has its gates decided all the same.
    pub served: bool,
    /// What a guest is told of a denial: a case of the interface's error code or decision, `unknown` (with the text) where
    /// there is none for it, or nothing where all is open.
    pub denial: Option<&'static str>,
    /// Functions by their name in a binary, with what opens them. A version has these or fewer.
    pub functions: &'static [(&'static str, Gate)],
}

/// Every interface of the contract.
pub const INTERFACES: &[Interface] = &[
    Interface {
        name: "astrid:approval/host",
        versions: &["1.0.0"],
        served: false,
        denial: Some("denied"),
        functions: &[("request-approval", OPEN_VERIFIED)],
    },
    Interface {
        name: "astrid:elicit/host",
        versions: &["1.0.0"],
        served: false,
        denial: Some("not-in-lifecycle"),
        functions: &[("elicit", LIFECYCLE), ("has-secret", OPEN_VERIFIED)],
    },
    Interface {
        name: "astrid:fs/host",
        versions: &["1.0.0"],
        served: false,
        denial: Some("capability-denied"),
        functions: &[
            ("[method]file-handle.read-at", OPEN),
            ("[method]file-handle.write-at", OPEN),
            ("[method]file-handle.sync-data", OPEN),
            ("[method]file-handle.sync-all", OPEN),
            ("[method]file-handle.stat", OPEN),
            ("[method]file-handle.set-len", OPEN),
            ("fs-open", FS_ANY),
            ("fs-exists", FS_READ),
            ("fs-mkdir", FS_WRITE),
            ("fs-mkdir-all", FS_WRITE),
            ("fs-readdir", FS_READ),
            ("fs-stat", FS_READ),
            ("fs-stat-symlink", FS_READ),
            ("fs-unlink", FS_WRITE),
            ("read-file", FS_READ),
            ("write-file", FS_WRITE),
            ("fs-append", FS_WRITE),
            ("fs-copy", FS_BOTH),
            ("fs-rename", FS_WRITE),
            ("fs-remove-dir-all", FS_WRITE),
            ("fs-canonicalize", FS_READ),
            ("fs-read-link", FS_READ),
            ("fs-hard-link", FS_BOTH),
        ],
    },
    Interface {
        name: "astrid:guest/lifecycle",
        versions: &["1.0.0"],
        served: true,
        denial: None,
        functions: &[],
    },
    Interface {
        name: "astrid:http/host",
        versions: &["1.0.0", "1.1.0"],
        served: false,
        denial: Some("capability-denied"),
        functions: &[
            ("[method]http-stream.status", OPEN),
            ("[method]http-stream.headers", OPEN),
            ("[method]http-stream.read-chunk", OPEN),
            ("[method]http-stream.close", OPEN),
            ("[method]http-stream.subscribe-readable", OPEN),
            ("[method]http-stream.body-stream", OPEN),
            ("http-request", NET),
            ("http-stream-start", NET),
            ("[method]http-stream.trailers", OPEN),
            ("[method]http-upload.body-sink", OPEN),
            ("[method]http-upload.subscribe-writable", OPEN),
            ("[method]http-upload.finish", OPEN),
            ("http-request-opts", NET),
            ("http-stream-start-opts", NET),
            ("http-upload-start", NET),
        ],
    },
    Interface {
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
    },
    Interface {
        name: "astrid:io/error",
        versions: &["1.0.0"],
        served: false,
        denial: None,
        functions: &[("[method]error.to-debug-string", OPEN)],
    },
    Interface {
        name: "astrid:io/poll",
        versions: &["1.0.0"],
        served: true,
        denial: Some("unknown"),
        functions: &[
            ("[method]pollable.ready", OPEN),
            ("[method]pollable.block", OPEN),
            ("poll", OPEN),
        ],
    },
    Interface {
        name: "astrid:io/streams",
        versions: &["1.0.0"],
        served: false,
        denial: None,
        functions: &[
            ("[method]input-stream.read", OPEN),
            ("[method]input-stream.blocking-read", OPEN),
            ("[method]input-stream.skip", OPEN),
            ("[method]input-stream.blocking-skip", OPEN),
            ("[method]input-stream.subscribe", OPEN),
            ("[method]output-stream.check-write", OPEN),
            ("[method]output-stream.write", OPEN),
            ("[method]output-stream.blocking-write-and-flush", OPEN),
            ("[method]output-stream.flush", OPEN),
            ("[method]output-stream.blocking-flush", OPEN),
            ("[method]output-stream.subscribe", OPEN),
            ("[method]output-stream.write-zeroes", OPEN),
            (
                "[method]output-stream.blocking-write-zeroes-and-flush",
                OPEN,
            ),
            ("[method]output-stream.splice", OPEN),
            ("[method]output-stream.blocking-splice", OPEN),
        ],
    },
    Interface {
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
    },
    Interface {
        name: "astrid:kv/host",
        versions: &["1.0.0"],
        served: false,
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
    },
    Interface {
        name: "astrid:net/host",
        versions: &["1.0.0"],
        served: false,
        denial: Some("capability-denied"),
        functions: &[
            ("[method]unix-listener.accept", OPEN),
            ("[method]unix-listener.poll-accept", OPEN),
            ("[method]unix-listener.subscribe-readiness", OPEN),
            ("[method]tcp-listener.accept", OPEN),
            ("[method]tcp-listener.poll-accept", OPEN),
            ("[method]tcp-listener.local-addr", OPEN),
            ("[method]tcp-listener.subscribe-readiness", OPEN),
            ("[method]tcp-stream.read", OPEN),
            ("[method]tcp-stream.write", OPEN),
            ("[method]tcp-stream.read-bytes", OPEN),
            ("[method]tcp-stream.write-bytes", OPEN),
            ("[method]tcp-stream.peek", OPEN),
            ("[method]tcp-stream.shutdown", OPEN),
            ("[method]tcp-stream.peer-addr", OPEN),
            ("[method]tcp-stream.local-addr", OPEN),
            ("[method]tcp-stream.set-nodelay", OPEN),
            ("[method]tcp-stream.nodelay", OPEN),
            ("[method]tcp-stream.set-read-timeout", OPEN),
            ("[method]tcp-stream.read-timeout", OPEN),
            ("[method]tcp-stream.set-write-timeout", OPEN),
            ("[method]tcp-stream.write-timeout", OPEN),
            ("[method]tcp-stream.set-hop-limit", OPEN),
            ("[method]tcp-stream.hop-limit", OPEN),
            ("[method]tcp-stream.set-keepalive", OPEN),
            ("[method]tcp-stream.keepalive", OPEN),
            ("[method]tcp-stream.set-linger", OPEN),
            ("[method]tcp-stream.linger", OPEN),
            ("[method]tcp-stream.set-reuseaddr", OPEN),
            ("[method]tcp-stream.reuseaddr", OPEN),
            ("[method]tcp-stream.subscribe-readable", OPEN),
            ("[method]tcp-stream.read-stream", OPEN),
            ("[method]tcp-stream.write-stream", OPEN),
            ("[method]udp-socket.send-to", OPEN),
            ("[method]udp-socket.recv-from", OPEN),
            ("[method]udp-socket.connect", OPEN),
            ("[method]udp-socket.disconnect", OPEN),
            ("[method]udp-socket.send", OPEN),
            ("[method]udp-socket.recv", OPEN),
            ("[method]udp-socket.peer-addr", OPEN),
            ("[method]udp-socket.set-read-timeout", OPEN),
            ("[method]udp-socket.local-addr", OPEN),
            ("[method]udp-socket.subscribe-readable", OPEN),
            ("bind-unix", NET_BIND),
            ("bind-tcp", NET_BIND),
            ("connect-tcp", NET_CONNECT),
            ("udp-bind", NET_UDP),
            ("lookup-host", NET_LOOKUP),
        ],
    },
    Interface {
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
    },
    Interface {
        name: "astrid:request-context/host",
        versions: &["1.0.0"],
        served: false,
        denial: None,
        functions: &[("connection-owner", OPEN), ("connection-principal", OPEN)],
    },
    Interface {
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
    },
    Interface {
        name: "astrid:uplink/host",
        versions: &["1.0.0"],
        served: false,
        denial: Some("capability-denied"),
        functions: &[("uplink-register", UPLINK), ("uplink-send", UPLINK)],
    },
];

/// The interface of this name.
pub fn interface(name: &str) -> Option<&'static Interface> {
    INTERFACES.iter().find(|interface| interface.name == name)
}

/// The row of a function, for the code that serves it: looked up when that is compiled.
///
/// # Panics
/// If there is none; in a constant that is an error of the compiler.
pub const fn row(interface: &'static str, function: &'static str) -> Row<'static> {
    let mut at = 0;
    while at < INTERFACES.len() {
        let rows = INTERFACES[at].functions;
        let mut row = 0;
        while same(INTERFACES[at].name, interface) && row < rows.len() {
            let (name, gate) = rows[row];
            if same(name, function) {
                return Row {
                    interface,
                    function,
                    gate,
                };
            }
            row += 1;
        }
        at += 1;
    }
    panic!("the gate table has no row for this function")
}

/// `==`, which is not for constants.
const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
