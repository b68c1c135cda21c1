//! The files of a package beside its component: which they are, their hashes, and what differs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path};

use super::source::files_below;
use super::{ARCHIVE_BYTES, ARCHIVE_ENTRIES, ComponentHash, MANIFEST, META, PackageError};
use crate::files::FileError;
use crate::manifest::CapsuleManifest;

/// Folders of a package that are installed with it.
const FOLDERS: [&str; 3] = ["wit", "assets", "skills"];

/// The files of a package beside its component, by their paths in it (parts separated by `/`), with BLAKE3 of their
/// contents. The manifest is one of them.
pub type Files = BTreeMap<String, ComponentHash>;

/// The files of a package with this manifest, whose text this is; those beside it are in `folder`.
pub(super) fn of(
    folder: Option<&Path>,
    manifest: &CapsuleManifest,
    text: &str,
) -> Result<Files, PackageError> {
    let mut files = Files::from([(MANIFEST.to_owned(), ComponentHash::of(text.as_bytes()))]);
    if let Some(folder) = folder {
        for path in beside_manifest(folder, manifest)? {
            let hash = hash(&folder.join(&path))?;
            files.insert(path, hash);
        }
    }
    Ok(files)
}

/// What is in [`FOLDERS`], and the files that the manifest names for models and users.
fn beside_manifest(folder: &Path, manifest: &CapsuleManifest) -> Result<Vec<String>, PackageError> {
    let mut files = Vec::new();
    for name in FOLDERS {
        let below = folder.join(name);
        match fs::symlink_metadata(&below) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Ok(found) if found.is_dir() => {}
            _ => return Err(PackageError::OddFile { path: below }),
        }
        for file in files_below(&below, ARCHIVE_ENTRIES)? {
            let path = Path::new(name).join(file);
            let Some(path) = path.to_str() else {
                return Err(PackageError::OddName {
                    path: folder.join(&path),
                });
            };
            files.push(path.to_owned());
        }
    }
    for path in named_files(manifest) {
        if !files.contains(&path) && is_there(folder, &path)? {
            files.push(path);
        }
    }
    let mut left = ARCHIVE_BYTES;
    for file in &files {
        let path = folder.join(file);
        let found = fs::symlink_metadata(&path).map_err(FileError::at("look at", &path))?;
        left = left
            .checked_sub(found.len())
            .ok_or_else(|| PackageError::TooLarge {
                path: folder.to_owned(),
                limit: ARCHIVE_BYTES,
            })?;
    }
    Ok(files)
}

/// The files that a manifest names for models and users (`[[context_file]]`, `[[skill]]`, `[[command]]`), as
/// [`Files`] spells their paths. None leads out of the package's folder; whether they are there is not looked at.
pub fn named_files(manifest: &CapsuleManifest) -> Vec<String> {
    let listed = manifest.context_files.iter().chain(&manifest.skills);
    let commands = manifest.commands.iter();
    listed
        .map(|named| named.file.as_str())
        .chain(commands.filter_map(|command| command.file.as_deref()))
        .map(plain)
        // These are the package's own, whatever else they are named for; not every file system tells case apart.
        .filter(|path| {
            ![MANIFEST, META]
                .iter()
                .any(|own| own.eq_ignore_ascii_case(path))
        })
        .collect()
}

/// A path of a manifest as [`Files`] spells it.
pub(super) fn plain(path: &str) -> String {
    let parts = Path::new(path).components().filter_map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Whether a folder has a file under this path, and not by a link.
fn is_there(folder: &Path, path: &str) -> Result<bool, PackageError> {
    let mut at = folder.to_owned();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        at.push(part);
        let found = match fs::symlink_metadata(&at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            found => found.map_err(FileError::at("look at", &at))?,
        };
        let fits = match parts.peek() {
            Some(_) => found.is_dir(),
            None => found.is_file(),
        };
        if !fits {
            return Err(PackageError::OddFile { path: at });
        }
    }
    Ok(!path.is_empty())
}

/// BLAKE3 of a plain file.
pub(super) fn hash(path: &Path) -> Result<ComponentHash, PackageError> {
    let found = fs::symlink_metadata(path).map_err(FileError::at("look at", path))?;
    // Opening a pipe would wait for a writer.
    if !found.is_file() {
        return Err(PackageError::OddFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(FileError::at("read", path))?;
    let mut hasher = blake3::Hasher::new();
    // The file may grow while it is read.
    let read = hasher.update_reader(file.take(ARCHIVE_BYTES + 1));
    read.map_err(FileError::at("read", path))?;
    Ok(ComponentHash::from(hasher.finalize()))
}

/// The first file that differs, and how.
pub(super) fn difference<'a>(
    expected: &'a Files,
    found: &'a Files,
) -> Option<(&'a str, &'static str)> {
    let lost = expected
        .iter()
        .find_map(|(path, hash)| match found.get(path) {
            None => Some((path.as_str(), "is missing")),
            Some(other) if other != hash => Some((path.as_str(), "was changed")),
            Some(_) => None,
        });
    let added = || found.keys().find(|path| !expected.contains_key(*path));
    lost.or_else(|| added().map(|path| (path.as_str(), "was added")))
}
