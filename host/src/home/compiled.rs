//! The names of compiled components in `cache/`: `<hash>-<engine>.cwasm`. What is in them only the engine knows.

use std::path::{Path, PathBuf};

/// An entry that is being written begins so.
pub(crate) const UNFINISHED: &str = ".new-";

/// Where the entry of a component for an engine is, whether or not there is one.
pub(crate) fn entry(cache: &Path, component_hash: &str, engine: &str) -> PathBuf {
    cache.join(format!("{component_hash}-{engine}.cwasm"))
}

/// The entries of a component, whichever engine made them.
pub(crate) fn entries(cache: &Path, component_hash: &str) -> Vec<PathBuf> {
    files(cache, |name| {
        name.strip_prefix(component_hash)
            .is_some_and(|rest| rest.starts_with('-') && rest.ends_with(".cwasm"))
    })
}

/// Entries that are being written, or were when their process ended.
pub(crate) fn unfinished(cache: &Path) -> Vec<PathBuf> {
    files(cache, |name| name.starts_with(UNFINISHED))
}

/// The files of a folder whose names are of this kind.
fn files(folder: &Path, of_kind: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&of_kind))
        .map(|entry| entry.path())
        .collect()
}
