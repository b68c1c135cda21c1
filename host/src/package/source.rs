//! Where packages are read from: an installed capsule, or a folder.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{
    ComponentHash, MANIFEST, META, META_BYTES, Meta, Package, PackageError, TEXT_BYTES, store,
};
use crate::exports::limits::COMPONENT_BYTES;
use crate::files::FileError;
use crate::home::Home;
use crate::manifest::{CapsuleManifest, CapsuleName, Parsed};

pub(super) fn installed(home: &Home, name: &CapsuleName) -> Result<Package, PackageError> {
    let Recorded {
        folder,
        hash: expected,
        manifest,
        owner,
    } = recorded(home, name)?;
    let text = manifest_text(&folder)?;
    if let Some(manifest) = manifest
        && manifest != ComponentHash::of(text.as_bytes())
    {
        return Err(PackageError::OtherFile {
            capsule: name.clone(),
            path: folder.join(MANIFEST),
            what: "was changed",
        });
    }
    let parsed = parse(&folder, &text)?;
    if parsed.manifest.name() != name {
        let found = parsed.manifest.name().clone();
        return Err(PackageError::OtherName {
            folder,
            name: name.clone(),
            found,
        });
    }
    let path = home.binary(expected.as_str());
    let component = component(&path)?;
    let mut package = Package::checked(parsed, text, component, &expected, || {
        path.display().to_string()
    })?;
    package.folder = Some(folder);
    // An owner that can't be one comes only from damage that does no harm: there is always a default.
    if let Some(owner) = owner.and_then(|owner| owner.parse().ok()) {
        package.owner = owner;
    }
    Ok(package)
}

/// What an installed capsule says of itself, whatever its bytes are.
///
/// # Errors
/// [`PackageError::NotInstalled`]; what is wrong with its manifest.
pub fn manifest_of(home: &Home, name: &CapsuleName) -> Result<CapsuleManifest, PackageError> {
    let folder = store::folder(home, name)
        .ok_or_else(|| PackageError::NotInstalled { name: name.clone() })?;
    Ok(manifest_in(&folder)?.manifest)
}

/// What is recorded of an installed capsule.
pub(super) struct Recorded {
    pub(super) folder: PathBuf,
    /// That its component must have.
    pub(super) hash: ComponentHash,
    /// That its manifest must have; none in a record of an older host.
    manifest: Option<ComponentHash>,
    /// For whom it was installed.
    owner: Option<String>,
}

/// Looks an installed capsule up in the home.
pub(super) fn recorded(home: &Home, name: &CapsuleName) -> Result<Recorded, PackageError> {
    let folder = store::folder(home, name)
        .ok_or_else(|| PackageError::NotInstalled { name: name.clone() })?;
    let meta = meta(&folder)?.ok_or_else(|| PackageError::NoMeta { name: name.clone() })?;
    let hash = meta
        .wasm_hash
        .ok_or_else(|| PackageError::NoHash { name: name.clone() })?;
    Ok(Recorded {
        folder,
        hash,
        manifest: meta.files.and_then(|mut files| files.remove(MANIFEST)),
        owner: meta.owner,
    })
}

pub(super) fn folder(folder: &Path) -> Result<Package, PackageError> {
    let (parsed, text) = manifest(folder)?;
    let named = parsed.manifest.component.as_ref();
    let file = named
        .and_then(|component| component.file.clone())
        .unwrap_or_else(|| format!("{}.wasm", parsed.manifest.name()));
    let path = folder.join(file);
    let component = component(&path)?;
    let mut expected = Vec::new();
    // The manifest's own check allows nothing but a hash here.
    expected.extend(named.and_then(|component| component.hash.as_deref()?.parse().ok()));
    if let Some(meta) = meta(folder)? {
        let name = parsed.manifest.name().clone();
        expected.push(meta.wasm_hash.ok_or(PackageError::NoHash { name })?);
    }
    let found = ComponentHash::of(&component);
    let expected = expected
        .into_iter()
        .find(|hash| *hash != found)
        .unwrap_or(found);
    let mut package = Package::checked(parsed, text, component, &expected, || {
        path.display().to_string()
    })?;
    package.folder = Some(folder.to_owned());
    Ok(package)
}

/// A folder's manifest, whatever lies beside it.
///
/// # Errors
/// [`PackageError::NoManifest`], [`PackageError::Manifest`], or why it cannot be read.
pub fn manifest_in(folder: &Path) -> Result<Parsed, PackageError> {
    let (parsed, _) = manifest(folder)?;
    Ok(parsed)
}

/// A folder's manifest, parsed, and its text.
pub(super) fn manifest(folder: &Path) -> Result<(Parsed, String), PackageError> {
    let text = manifest_text(folder)?;
    Ok((parse(folder, &text)?, text))
}

fn parse(folder: &Path, text: &str) -> Result<Parsed, PackageError> {
    let path = folder.join(MANIFEST);
    Ok(CapsuleManifest::parse(text, &path.display().to_string())?)
}

fn manifest_text(folder: &Path) -> Result<String, PackageError> {
    let path = folder.join(MANIFEST);
    let bytes = match read(&path, TEXT_BYTES) {
        Err(PackageError::File(error))
            if matches!(
                error.source.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Err(PackageError::NoManifest {
                folder: folder.to_owned(),
            });
        }
        other => other?,
    };
    // A byte that is no UTF-8 becomes a character that no manifest may hold where it stands.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A folder's meta.json, if it has one.
pub(super) fn meta(folder: &Path) -> Result<Option<Meta>, PackageError> {
    Ok(record(folder)?.map(|(meta, _)| meta))
}

/// A folder's meta.json, if it has one, and BLAKE3 of its text.
pub(super) fn record(folder: &Path) -> Result<Option<(Meta, ComponentHash)>, PackageError> {
    let path = folder.join(META);
    match read(&path, META_BYTES) {
        Err(PackageError::File(error)) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(meta) => Ok(Some((meta, ComponentHash::of(&bytes)))),
            Err(error) => Err(PackageError::BadMeta {
                path,
                reason: error.to_string(),
            }),
        },
    }
}

/// The bytes of a component's file, whatever they are.
///
/// # Errors
/// [`PackageError::NoComponent`]; [`PackageError::TooLarge`] above what any component may have.
pub fn component(path: &Path) -> Result<Vec<u8>, PackageError> {
    match read(path, COMPONENT_BYTES as u64) {
        Err(PackageError::File(error)) if error.is_not_found() => {
            Err(PackageError::NoComponent { path: error.path })
        }
        other => other,
    }
}

/// A file's bytes, at most `limit` of them.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, PackageError> {
    let failed = |error| FileError::at("read", path)(error);
    let found = std::fs::metadata(path).map_err(failed)?;
    // Opening a pipe would wait for somebody to write into it.
    if !found.is_file() {
        return Err(PackageError::OddFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(failed)?;
    let size = found.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or(0));
    // The file may grow while it is read.
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(PackageError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// The files below a folder, relative to it, in order; links and odd files are refused.
pub(super) fn files_below(folder: &Path, limit: usize) -> Result<Vec<PathBuf>, PackageError> {
    let mut open = vec![PathBuf::new()];
    let mut files = Vec::new();
    while let Some(below) = open.pop() {
        let dir = folder.join(&below);
        let failed = |error| FileError::at("list", &dir)(error);
        for entry in std::fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = below.join(entry.file_name());
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                files.push(path);
            } else {
                return Err(PackageError::OddFile { path: entry.path() });
            }
            if files.len() + open.len() > limit {
                return Err(PackageError::TooMany {
                    folder: folder.to_owned(),
                    limit,
                });
            }
        }
    }
    files.sort();
    Ok(files)
}
