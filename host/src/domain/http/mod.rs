//! `astrid:http`: requests to other machines, behind the airlock.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const OPEN: Gate = Gate::OPEN;
const NET: Gate = Gate::capability(&["net"]);

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
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
}];
