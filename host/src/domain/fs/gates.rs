//! What opens the functions of the package: a grant for each path, but for the temporary folder, which needs none.

use crate::policy::contract::Interface;
use crate::policy::gate::{Access, Gate};

const OPEN: Gate = Gate::OPEN;
/// As the mode says in which the file is opened.
const BY_MODE: Gate = Gate::OPEN.granted(&[]);
const READ: Gate = Gate::OPEN.granted(&[Access::Read]);
const WRITE: Gate = Gate::OPEN.granted(&[Access::Write]);
const READ_AND_WRITE: Gate = Gate::OPEN.granted(&[Access::Read, Access::Write]);
const WRITE_BOTH: Gate = Gate::OPEN.granted(&[Access::Write, Access::Write]);

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:fs/host",
    versions: &["1.0.0"],
    served: true,
    denial: Some("capability-denied"),
    functions: &[
        ("[method]file-handle.read-at", OPEN),
        ("[method]file-handle.write-at", OPEN),
        ("[method]file-handle.sync-data", OPEN),
        ("[method]file-handle.sync-all", OPEN),
        ("[method]file-handle.stat", OPEN),
        ("[method]file-handle.set-len", OPEN),
        ("fs-open", BY_MODE),
        ("fs-exists", READ),
        ("fs-mkdir", WRITE),
        ("fs-mkdir-all", WRITE),
        ("fs-readdir", READ),
        ("fs-stat", READ),
        ("fs-stat-symlink", READ),
        ("fs-unlink", WRITE),
        ("read-file", READ),
        ("write-file", WRITE),
        ("fs-append", WRITE),
        ("fs-copy", READ_AND_WRITE),
        ("fs-rename", WRITE_BOTH),
        ("fs-remove-dir-all", WRITE),
        ("fs-canonicalize", READ),
        ("fs-read-link", READ),
        ("fs-hard-link", WRITE_BOTH),
    ],
}];
