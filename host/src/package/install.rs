//! Installing: a complete folder beside the version before, its bytes into `bin/`, then one atomic swap.
//!
//! Until the swap the version before is untouched, and after it the new one is complete; whatever goes wrong, one of
//! the two is installed and whole. What an interrupted installation leaves behind is cleared away by whoever next
//! holds the home alone and changes what is installed (`store`). The lifecycle hook runs between [`stage`] and
//! [`Staged::commit`].
//!
//! # What is synced
//! A power failure must not leave a version whose files are not there. So an installation syncs, in this order:
//! meta.json, Capsule.toml, each other file (`files`) and each folder with one, the staged folder, the
//! component, `bin/`; and `capsules/` after the swap, before anything of the version before is removed. That is six
//! times for a capsule without such folders, five when `bin/` has the component. Removing syncs `capsules/` once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use parking_lot::MutexGuard;

use super::{
    ComponentHash, Files, MANIFEST, META, META_BYTES, Meta, Package, PackageError, files, source,
    store,
};
use crate::files::{Disk, FileError};
use crate::home::{ExclusiveLock, Home};
use crate::names::{CapsuleName, PrincipalId};

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
    let files = package.files()?;
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
            files: Some(files.clone()),
            wit_files: Vec::new(),
            topics: Vec::new(),
            signer: None,
            signature: None,
        },
        previous,
    };
    let filled = staged.fill(package, &files);
    // Dropping what can't be filled takes a turn of its own.
    drop(turn);
    filled.map(|()| staged)
}

impl Staged {
    /// The version that this one would replace.
    pub fn previous(&self) -> Option<&Meta> {
        self.previous.as_ref()
    }

    /// The files that were staged, by their paths; the component is none of them.
    pub(crate) fn files(&self) -> &Files {
        static NONE: Files = Files::new();
        self.meta.files.as_ref().unwrap_or(&NONE)
    }

    fn fill(&mut self, package: &Package, files: &Files) -> Result<(), PackageError> {
        let (home, disk) = (&self.home, self.home.disk());
        disk.make_dir(&self.folder)?;
        let wit = files.keys().filter_map(|file| file.strip_prefix("wit/"));
        self.meta.wit_files = wit.map(str::to_owned).collect();
        let text =
            serde_json::to_vec_pretty(&self.meta).map_err(|error| PackageError::BadMeta {
                path: self.folder.join(META),
                reason: error.to_string(),
            })?;
        // One that is not read again would make the capsule a damaged one.
        if text.len() as u64 > META_BYTES {
            return Err(PackageError::TooLarge {
                path: self.folder.join(META),
                limit: META_BYTES,
            });
        }
        // The record comes before the bytes: it tells that they are in use.
        disk.write(&self.folder.join(META), &text)?;
        let manifest = package.manifest_text.as_bytes();
        disk.write(&self.folder.join(MANIFEST), manifest)?;
        if let Some(from) = &package.folder {
            copy(disk, from, &self.folder, files)?;
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
    /// [`PackageError::Interleaved`] if what is installed is not [`Self::previous`] any more; [`PackageError`]. Then
    /// what is installed stays.
    pub fn commit(mut self) -> Result<Meta, PackageError> {
        let _turn = self.alone.turn();
        let target = store::target(&self.home, &self.name);
        if source::meta(&target).ok().flatten() != self.previous {
            let name = self.name.clone();
            return Err(PackageError::Interleaved { name });
        }
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
) -> Result<Option<PathBuf>, FileError> {
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
/// [`PackageError::NotInstalled`], [`PackageError::File`]; then it is still installed.
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

/// Copies the files beside the manifest, with the folders that they are in. A copy that has not its file's hash is
/// refused: the file was changed after it was looked at.
fn copy(disk: &Disk, from: &Path, to: &Path, files: &Files) -> Result<(), PackageError> {
    let beside: Vec<(&Path, &ComponentHash)> = files
        .iter()
        .filter(|(file, _)| *file != MANIFEST)
        .map(|(file, hash)| (Path::new(file), hash))
        .collect();
    let above = beside.iter().flat_map(|(file, _)| file.ancestors().skip(1));
    let mut folders: BTreeSet<_> = above.collect();
    folders.remove(Path::new(""));
    for folder in &folders {
        disk.make_dir(&to.join(folder))?;
    }
    for (file, hash) in beside {
        let (source, copy) = (from.join(file), to.join(file));
        disk.copy(&source, &copy)?;
        if files::hash(&copy)? != *hash {
            let what = source.display().to_string();
            return Err(PackageError::Changed { what });
        }
    }
    for folder in folders {
        disk.sync_dir(&to.join(folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod tests;
