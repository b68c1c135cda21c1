//! Where things are: the repository, and the folder that cargo builds into.

use std::path::{Path, PathBuf};

/// The top of the repository.
pub fn root() -> PathBuf {
    // Cargo says where the crate is when it runs us; without cargo, where it was when it built us.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_owned)
}

/// Cargo's target folder: the one that this very program was built into.
pub fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map_or_else(|| root().join("target"), Path::to_owned)
}

/// Where guests of one kind are built. Apart from the workspace's own folder, so that building them never waits for
/// a cargo that waits for us; and a folder for each kind, because two crates of one name would overwrite each other.
pub fn guests(kind: &str) -> PathBuf {
    target().join("guests").join(kind)
}
