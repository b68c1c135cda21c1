//! `astrid:net`: TCP, UDP and Unix sockets, behind the airlock.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const OPEN: Gate = Gate::OPEN;
const NET_BIND: Gate = Gate::capability(&["net_bind"]);
const NET_CONNECT: Gate = Gate::capability(&["net_connect"]);
const NET_UDP: Gate = Gate::capability(&["net_udp"]);
const NET_LOOKUP: Gate = Gate::any_capability(&["net_connect", "net_udp"]);

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
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
}];
