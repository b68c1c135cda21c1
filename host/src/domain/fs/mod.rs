//! `astrid:fs`: files of the workspace, of the calling principal and of the capsule.

use crate::policy::contract::Interface;
use crate::policy::gate::Gate;

const OPEN: Gate = Gate::OPEN;
const FS_ANY: Gate = Gate::any_capability(&["fs_read", "fs_write"]);
const FS_READ: Gate = Gate::capability(&["fs_read"]);
const FS_WRITE: Gate = Gate::capability(&["fs_write"]);
const FS_BOTH: Gate = Gate::capability(&["fs_read", "fs_write"]);

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
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
}];
