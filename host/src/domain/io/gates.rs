//! What opens the functions of the package.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const OPEN: Gate = Gate::OPEN;

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[
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
];
