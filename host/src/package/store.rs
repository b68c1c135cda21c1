//! Where installed capsules are, and what an installation that didn't end leaves of itself.
//!
//! * `capsules/<name>/` is an installed version.
//! * `capsules/.previous-<name>/` is one too, while there is no `<name>`: an upgrade was cut short between two
//!   renames, on a file system where folders can't change places. Who reads looks there as well.
//! * `capsules/.stage-<id>/` is a version that isn't installed yet, or isn't any more.
//! * `bin/<hash>.wasm` belongs to each of these whose meta.json says so. As long as it is there, there may be
//!   compiled code of it in `cache/`, which goes first.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{ComponentHash, Meta, Package, PackageError, files as recorded, source};
use crate::files::{self, FileError};
use crate::home::{Home, compiled};
use crate::names::CapsuleName;

/// Folders of installations under way begin so; no capsule's name does.
const STAGE: &str = ".stage-";
/// And so those that were moved out of the way.
const PREVIOUS: &str = ".previous-";
/// A component that is being written to `bin/` begins so.
const UNFINISHED: &str = ".new-";

/// An installed capsule's folder.
pub(super) fn folder(home: &Home, name: &CapsuleName) -> Option<PathBuf> {
    [target(home, name), previous(home, name)]
        .into_iter()
        .find(|folder| folder.is_dir())
}

/// Where a capsule is installed to.
pub(super) fn target(home: &Home, name: &CapsuleName) -> PathBuf {
    home.capsules_dir().join(name.as_str())
}

/// Where the version before is while another one takes its place in two steps.
pub(super) fn previous(home: &Home, name: &CapsuleName) -> PathBuf {
    home.capsules_dir().join(format!("{PREVIOUS}{name}"))
}

/// A name for a folder that nobody takes for a capsule.
pub(super) fn stage(home: &Home) -> PathBuf {
    let id = uuid::Uuid::new_v4().simple();
    home.capsules_dir().join(format!("{STAGE}{id}"))
}

/// Where a component is until it is whole.
pub(super) fn unfinished(home: &Home, hash: &ComponentHash) -> PathBuf {
    home.binaries_dir().join(format!("{UNFINISHED}{hash}"))
}

/// The names of all installed capsules, sorted.
///
/// # Errors
/// [`PackageError::File`].
pub fn installed(home: &Home) -> Result<Vec<CapsuleName>, PackageError> {
    let mut names: Vec<_> = names(&home.capsules_dir())?
        .iter()
        .filter_map(|name| CapsuleName::parse(name.strip_prefix(PREVIOUS).unwrap_or(name)).ok())
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// What is recorded of an installed capsule; none without a record.
///
/// # Errors
/// [`PackageError::NotInstalled`], [`PackageError::BadMeta`].
pub fn record(home: &Home, name: &CapsuleName) -> Result<Option<Meta>, PackageError> {
    let folder =
        folder(home, name).ok_or_else(|| PackageError::NotInstalled { name: name.clone() })?;
    source::meta(&folder)
}

/// Whether an installed capsule is whole: its record with its bytes. Its files beside the component are covered where
/// the record has their hashes ([`Meta::files`]).
///
/// # Errors
/// What is missing, damaged or swapped.
pub fn verify(home: &Home, name: &CapsuleName) -> Result<(Meta, Package), PackageError> {
    let package = Package::installed(home, name)?;
    let meta = match &package.folder {
        Some(folder) => source::meta(folder)?,
        None => None,
    };
    let meta = meta.ok_or_else(|| PackageError::NoMeta { name: name.clone() })?;
    if let (Some(expected), Some(folder)) = (&meta.files, &package.folder)
        && let Some((file, what)) = recorded::difference(expected, &package.files()?)
    {
        return Err(PackageError::OtherFile {
            capsule: name.clone(),
            path: folder.join(file),
            what,
        });
    }
    Ok((meta, package))
}

/// Brings what an earlier process left half done to an end. No installation may be under way.
pub(super) fn recover(home: &Home) -> Result<(), PackageError> {
    let capsules = home.capsules_dir();
    for name in names(&capsules)? {
        let left = capsules.join(&name);
        let target = name.strip_prefix(PREVIOUS).map(|name| capsules.join(name));
        match target {
            Some(target) if !target.exists() => home.disk().rename(&left, &target)?,
            Some(_) => home.disk().remove_dir(&left)?,
            None if name.starts_with(STAGE) => home.disk().remove_dir(&left)?,
            None => {}
        }
    }
    for entry in compiled::unfinished(&home.cache_dir()) {
        home.disk().remove_file(&entry)?;
    }
    sweep(home)
}

/// Removes a folder that isn't an installed version, and the bytes that only it had.
pub(super) fn discard(home: &Home, folder: &Path) -> Result<(), PackageError> {
    home.disk().remove_dir(folder)?;
    sweep(home)
}

/// Removes the components that no capsule has, and their compiled code.
fn sweep(home: &Home) -> Result<(), PackageError> {
    let used = used(home)?;
    let binaries = home.binaries_dir();
    for name in names(&binaries)? {
        let hash = name
            .strip_suffix(".wasm")
            .and_then(|hash| hash.parse::<ComponentHash>().ok());
        let unused = match (&hash, &used) {
            (Some(hash), Some(used)) => !used.contains(hash),
            (Some(_), None) => false,
            (None, _) => name.starts_with(UNFINISHED),
        };
        if !unused {
            continue;
        }
        if let Some(hash) = hash {
            for entry in compiled::entries(&home.cache_dir(), hash.as_str()) {
                home.disk().remove_file(&entry)?;
            }
        }
        home.disk().remove_file(&binaries.join(name))?;
    }
    Ok(())
}

/// The components that a version has, be it installed or under way. None if one has a record that can't be read:
/// that may be any.
fn used(home: &Home) -> Result<Option<HashSet<ComponentHash>>, PackageError> {
    let capsules = home.capsules_dir();
    let mut used = HashSet::new();
    for name in names(&capsules)? {
        let folder = capsules.join(name);
        if !folder.is_dir() {
            continue;
        }
        match source::meta(&folder) {
            Ok(meta) => used.extend(meta.and_then(|meta| meta.wasm_hash)),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(used))
}

/// What is in a folder. A name that is not UTF-8 is somebody else's, and left out.
fn names(folder: &Path) -> Result<Vec<String>, PackageError> {
    Ok(files::names(folder).map_err(FileError::at("list", folder))?)
}
