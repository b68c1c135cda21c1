//! Installing: a complete folder beside the version before, its bytes into `bin/`, then one atomic swap.
//!
//! Until the swap the version before is untouched, and after it the new one is complete; whatever goes wrong, one of
//! the two is installed and whole. What an interrupted installation leaves behind is cleared away by whoever next
//! holds the home alone and changes what is installed (`store`). The lifecycle hook runs between [`stage`] and
//! [`Staged::commit`].
//!
//! # What is synced
//! A power failure must not leave a version whose files are not there. So an installation syncs, in this order:
//! meta.json, Capsule.toml, each file and each folder of `wit/`, `assets/` and `skills/`, the staged folder, the
//! component, `bin/`; and `capsules/` after the swap, before anything of the version before is removed. That is six
//! times for a capsule without such folders, five when `bin/` has the component. Removing syncs `capsules/` once.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use parking_lot::MutexGuard;

use super::{
    ARCHIVE_BYTES, ARCHIVE_ENTRIES, MANIFEST, META, Meta, Package, PackageError, source, store,
};
use crate::disk::{Disk, DiskError};
use crate::home::{ExclusiveLock, Home};
use crate::manifest::CapsuleName;
use crate::principal::PrincipalId;

/// Folders of a package that are installed with it.
const EXTRAS: [&str; 3] = ["wit", "assets", "skills"];

/// A new version that is complete, and not yet seen by anybody. Dropped, it is gone.
#[derive(Debug)]
pub struct Staged {
    home: Home,
    alone: ExclusiveLock,
    name: CapsuleName,
    folder: PathBuf,
    /// What is removed in the end: the staged folder, and after the swap the version before.
    discard: Option<PathBuf>,
    meta: Meta,
    previous: Option<Meta>,
}

/// Puts a package's bytes into the home, beside whatever is installed under its name.
///
/// # Errors
/// [`PackageError`]; nothing is left behind, nor is it when a [`Staged`] is dropped.
pub fn stage(
    home: &Home,
    alone: &ExclusiveLock,
    package: &Package,
    source: &str,
    owner: &PrincipalId,
) -> Result<Staged, PackageError> {
    let turn = begin(home, alone)?;
    let manifest = &package.manifest;
    let name = manifest.name();
    // A version before whose record is damaged is replaced like any other.
    let previous = source::meta(&store::target(home, name)).ok().flatten();
    let now = Timestamp::now();
    let json = |value: Result<serde_json::Value, serde_json::Error>| value.unwrap_or_default();
    let folder = store::stage(home);
    let mut staged = Staged {
        home: home.clone(),
        alone: alone.clone(),
        name: name.clone(),
        discard: Some(folder.clone()),
        folder,
        meta: Meta {
            version: manifest.package.version.to_string(),
            installed_at: previous.as_ref().map_or(now, |meta| meta.installed_at),
            updated_at: now,
            owner: Some(owner.to_string()),
            source: Some(source.to_owned()),
            imports: json(serde_json::to_value(&manifest.imports)),
            exports: json(serde_json::to_value(&manifest.exports)),
            wasm_hash: Some(package.hash.clone()),
            wit_files: Vec::new(),
            topics: Vec::new(),
            signer: None,
            signature: None,
        },
        previous,
    };
    let filled = staged.fill(package);
    // Dropping what can't be filled takes a turn of its own.
    drop(turn);
    filled.map(|()| staged)
}

impl Staged {
    /// The version that this one would replace.
    pub fn previous(&self) -> Option<&Meta> {
        self.previous.as_ref()
    }

    fn fill(&mut self, package: &Package) -> Result<(), PackageError> {
        let (home, disk) = (&self.home, self.home.disk());
        disk.make_dir(&self.folder)?;
        let extras = match &package.folder {
            Some(from) => extras(from)?,
            None => Vec::new(),
        };
        let wit = extras
            .iter()
            .filter_map(|file| file.strip_prefix("wit").ok());
        self.meta.wit_files = wit.map(|file| file.display().to_string()).collect();
        let text =
            serde_json::to_vec_pretty(&self.meta).map_err(|error| PackageError::BadMeta {
                path: self.folder.join(META),
                reason: error.to_string(),
            })?;
        // The record comes before the bytes: it tells that they are in use.
        disk.write(&self.folder.join(META), &text)?;
        let manifest = package.manifest_text.as_bytes();
        disk.write(&self.folder.join(MANIFEST), manifest)?;
        if let Some(from) = &package.folder {
            copy(disk, from, &self.folder, &extras)?;
        }
        disk.sync_dir(&self.folder)?;

        let binary = home.binary(package.hash.as_str());
        // A file of that name may be damaged: only one that holds these very bytes is kept.
        if source::component(&binary).ok().as_deref() != Some(package.component()) {
            let unfinished = store::unfinished(home, &package.hash);
            disk.write(&unfinished, package.component())?;
            disk.rename(&unfinished, &binary)?;
        }
        Ok(disk.sync_dir(&home.binaries_dir())?)
    }

    /// Makes the new version the installed one and drops the one before.
    ///
    /// # Errors
    /// [`PackageError`]; then the version before is still the installed one.
    pub fn commit(mut self) -> Result<Meta, PackageError> {
        let _turn = self.alone.turn();
        let target = store::target(&self.home, &self.name);
        let aside = store::previous(&self.home, &self.name);
        let replaced = swap(self.home.disk(), &self.folder, &target, &aside)?;
        self.discard = settled(&self.home).then_some(replaced).flatten();
        Ok(self.meta.clone())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let Some(folder) = self.discard.take().filter(|folder| folder.exists()) else {
            return;
        };
        let _turn = self.alone.turn();
        clear(&self.home, &folder);
    }
}

/// Takes a turn at changing what is installed; the first one clears away what an earlier process left half done.
fn begin<'a>(home: &Home, alone: &'a ExclusiveLock) -> Result<MutexGuard<'a, bool>, PackageError> {
    let mut recovered = alone.turn();
    if !*recovered {
        store::recover(home)?;
        *recovered = true;
    }
    Ok(recovered)
}

/// Puts a folder in the place of another, if there is one; answers with where that is now.
fn swap(
    disk: &Disk,
    new: &Path,
    target: &Path,
    aside: &Path,
) -> Result<Option<PathBuf>, DiskError> {
    if !target.exists() {
        disk.rename(new, target)?;
        return Ok(None);
    }
    match disk.exchange(new, target) {
        // One step: there is always a whole version under the name.
        Ok(()) => Ok(Some(new.to_owned())),
        // Two steps: between them it is the one aside that counts.
        Err(error) if error.is_unsupported() => {
            if aside.exists() {
                disk.remove_dir(aside)?;
            }
            disk.rename(target, aside)?;
            if let Err(error) = disk.rename(new, target) {
                // If this fails too, the one aside is found all the same.
                let _ = disk.rename(aside, target);
                return Err(error);
            }
            Ok(Some(aside.to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// Whether what was just installed or removed will be so after a power failure too. If not, nothing may be removed:
/// the version before may come back.
fn settled(home: &Home) -> bool {
    let synced = home.disk().sync_dir(&home.capsules_dir());
    if let Err(error) = &synced {
        let (path, error) = (error.path.display(), &error.source);
        tracing::warn!(folder = %path, %error, "an installation may not survive a power failure");
    }
    synced.is_ok()
}

/// Removes what is no version any more. What of it can't be removed only costs space, until the next installation.
fn clear(home: &Home, folder: &Path) {
    if let Err(error) = store::discard(home, folder) {
        tracing::warn!(folder = %folder.display(), %error, "not all of an installation was cleared away");
    }
}

/// Forgets a capsule; its bytes stay in `bin/` if another one has them too.
///
/// # Errors
/// [`PackageError::NotInstalled`], [`PackageError::Io`]; then it is still installed.
pub fn remove(home: &Home, alone: &ExclusiveLock, name: &CapsuleName) -> Result<(), PackageError> {
    let _turn = begin(home, alone)?;
    let folder = store::target(home, name);
    if !folder.is_dir() {
        return Err(PackageError::NotInstalled { name: name.clone() });
    }
    // Out of sight first: half a removed folder would be a damaged capsule.
    let gone = store::stage(home);
    home.disk().rename(&folder, &gone)?;
    if settled(home) {
        clear(home, &gone);
    }
    Ok(())
}

/// The files that belong to a package beside its manifest and component, relative to its folder.
fn extras(from: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let mut files = Vec::new();
    let mut left = ARCHIVE_BYTES;
    for extra in EXTRAS {
        let folder = from.join(extra);
        match fs::symlink_metadata(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Ok(found) if found.is_dir() => {}
            _ => return Err(PackageError::OddFile { path: folder }),
        }
        for file in source::files_below(&folder, ARCHIVE_ENTRIES)? {
            let path = folder.join(&file);
            let found = fs::symlink_metadata(&path).map_err(|source| PackageError::Io {
                doing: "look at",
                path,
                source,
            })?;
            left = left
                .checked_sub(found.len())
                .ok_or_else(|| PackageError::TooLarge {
                    path: folder.clone(),
                    limit: ARCHIVE_BYTES,
                })?;
            files.push(Path::new(extra).join(file));
        }
    }
    Ok(files)
}

/// Copies files, with the folders that they are in.
fn copy(disk: &Disk, from: &Path, to: &Path, files: &[PathBuf]) -> Result<(), DiskError> {
    let below = |file: &'_ Path| {
        file.ancestors()
            .skip(1)
            .map(Path::to_owned)
            .collect::<Vec<_>>()
    };
    let mut folders: BTreeSet<_> = files.iter().flat_map(|file| below(file)).collect();
    folders.remove(Path::new(""));
    for folder in &folders {
        disk.make_dir(&to.join(folder))?;
    }
    for file in files {
        disk.copy(&from.join(file), &to.join(file))?;
    }
    folders
        .iter()
        .try_for_each(|folder| disk.sync_dir(&to.join(folder)))
}

#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod tests;
