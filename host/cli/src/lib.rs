//! The part of the `astrid` command that is for authors: new capsules, their builds, and the linter.
//!
//! One room, [`authoring`]. The command itself is this package's binary, in `src/bin/astrid/`: one file per command, which
//! reads arguments, calls this library or [`astrid_host`], and prints. The two are apart so that tests build and check
//! capsules as the command does.
//!
//! What may enter: manifests, binaries and packages of [`astrid_host`], the file system, cargo and rustc. What must not:
//! a terminal, a command line, an engine. An embedder needs nothing of this crate, and `astrid-host` does not know it.

pub mod authoring;
