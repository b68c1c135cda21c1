//! Installing: bytes into `bin/`, a complete folder beside the previous version, then one atomic swap.
//!
//! Until the swap the previous version is untouched, and after it the new one is complete; what an interrupted
//! installation leaves behind is removed by the next one. Who calls holds the home alone, and runs the
//! lifecycle hook between [`stage`] and [`Staged::commit`].

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{
    ARCHIVE_BYTES, ARCHIVE_ENTRIES, ComponentHash, MANIFEST, META, Meta, Package, PackageError,
    source,
};
use crate::home::{ExclusiveLock, Home, make_dir, write_private};
use crate::manifest::CapsuleName;
use crate::principal::PrincipalId;

/// Folders of a package that are installed with it.
const EXTRAS: [&str; 3] = ["wit", "assets", "skills"];
/// Folders of installations under way begin so; no capsule's name does.
const STAGE: &str = ".stage-";

/// A new version that is complete but for its meta.json, and not yet seen by anybody.
#[derive(Debug)]
pub struct Staged {
    placed: Placed,
    folder: tempfile::TempDir,
    target: PathBuf,
    meta: Meta,
    previous: Option<Meta>,
}

/// Bytes in `bin/`, which go again unless a capsule was installed that has them.
#[derive(Debug)]
struct Placed {
    home: Home,
    hash: ComponentHash,
}

impl Drop for Placed {
    fn drop(&mut self) {
        drop_unused(&self.home, &self.hash);
    }
}

/// Puts a package's bytes into the home, beside whatever is installed under its name.
///
/// # Errors
/// [`PackageError`]; nothing is left behind, nor is it when a [`Staged`] is dropped.
pub fn stage(
    home: &Home,
    _alone: &ExclusiveLock,
    package: &Package,
    source: &str,
    owner: &PrincipalId,
) -> Result<Staged, PackageError> {
    let name = package.manifest.name();
    let capsules = home.capsules_dir();
    clear_stages(&capsules)?;
    let target = capsules.join(name.as_str());
    // A previous version whose record is damaged is replaced like any other.
    let previous = if target.exists() {
        source::meta(&target).ok().flatten()
    } else {
        None
    };

    let placed = Placed {
        home: home.clone(),
        hash: package.hash.clone(),
    };
    let binary = home.binary(package.hash.as_str());
    // A file of that name may be damaged: only one that holds these very bytes is kept.
    if source::component(&binary).ok().as_deref() != Some(package.component()) {
        write_private(&binary, package.component())?;
    }
    let folder = tempfile::Builder::new()
        .prefix(STAGE)
        .tempdir_in(&capsules)
        .map_err(|source| PackageError::Io {
            doing: "make a folder in",
            path: capsules,
            source,
        })?;
    write_private(
        &folder.path().join(MANIFEST),
        package.manifest_text.as_bytes(),
    )?;
    let wit_files = match &package.folder {
        Some(from) => copy_extras(from, folder.path())?,
        None => Vec::new(),
    };
    let now = Timestamp::now();
    let manifest = &package.manifest;
    let json = |value: Result<serde_json::Value, serde_json::Error>| value.unwrap_or_default();
    let meta = Meta {
        version: manifest.package.version.to_string(),
        installed_at: previous.as_ref().map_or(now, |meta| meta.installed_at),
        updated_at: now,
        owner: Some(owner.to_string()),
        source: Some(source.to_owned()),
        imports: json(serde_json::to_value(&manifest.imports)),
        exports: json(serde_json::to_value(&manifest.exports)),
        wasm_hash: Some(package.hash.clone()),
        wit_files,
        topics: Vec::new(),
        signer: None,
        signature: None,
    };
    Ok(Staged {
        placed,
        folder,
        target,
        meta,
        previous,
    })
}

impl Staged {
    /// The version that this one would replace.
    pub fn previous(&self) -> Option<&Meta> {
        self.previous.as_ref()
    }

    /// Makes the new version the installed one and drops the previous.
    ///
    /// # Errors
    /// [`PackageError`]; then the previous version is still the installed one.
    pub fn commit(self) -> Result<Meta, PackageError> {
        let staged = self.folder.path();
        let text =
            serde_json::to_vec_pretty(&self.meta).map_err(|error| PackageError::BadMeta {
                path: staged.join(META),
                reason: error.to_string(),
            })?;
        write_private(&staged.join(META), &text)?;
        let failed = |source: io::Error| PackageError::Io {
            doing: "install",
            path: self.target.clone(),
            source,
        };
        if self.target.exists() {
            // One step: there is always a whole version under the name. What was there is removed with the stage.
            renameat_with(CWD, staged, CWD, &self.target, RenameFlags::EXCHANGE)
                .map_err(|error| failed(error.into()))?;
        } else {
            fs::rename(staged, &self.target).map_err(failed)?;
        }
        let parent = self.target.parent().unwrap_or(Path::new("."));
        // The new version is in place whatever comes of this.
        if let Err(error) = File::open(parent).and_then(|folder| folder.sync_all()) {
            tracing::warn!(folder = %parent.display(), %error, "an installation may not survive a power failure");
        }
        if let Some(hash) = self
            .previous
            .as_ref()
            .and_then(|previous| previous.wasm_hash.as_ref())
        {
            drop_unused(&self.placed.home, hash);
        }
        Ok(self.meta)
    }
}

/// Forgets a capsule; its bytes stay in `bin/` if another one has them too.
///
/// # Errors
/// [`PackageError::NotInstalled`], [`PackageError::Io`].
pub fn remove(home: &Home, _alone: &ExclusiveLock, name: &CapsuleName) -> Result<(), PackageError> {
    let capsules = home.capsules_dir();
    let folder = capsules.join(name.as_str());
    if !folder.is_dir() {
        return Err(PackageError::NotInstalled { name: name.clone() });
    }
    let hash = source::meta(&folder)
        .ok()
        .flatten()
        .and_then(|meta| meta.wasm_hash);
    // Out of sight first: half a removed folder would be a damaged capsule.
    let gone = capsules.join(format!("{STAGE}{name}"));
    let failed = |source| PackageError::Io {
        doing: "remove",
        path: folder.clone(),
        source,
    };
    fs::rename(&folder, &gone).map_err(failed)?;
    fs::remove_dir_all(&gone).map_err(failed)?;
    if let Some(hash) = hash {
        drop_unused(home, &hash);
    }
    Ok(())
}

/// Removes a component that no installed capsule has any more; bytes that stay only cost space.
fn drop_unused(home: &Home, hash: &ComponentHash) {
    let has = |name: &CapsuleName| match source::meta(&home.capsules_dir().join(name.as_str())) {
        Ok(meta) => meta.is_some_and(|meta| meta.wasm_hash.as_ref() == Some(hash)),
        // One that can't be read may have it.
        Err(_) => true,
    };
    if installed(home).is_ok_and(|names| !names.iter().any(has)) {
        let _ = fs::remove_file(home.binary(hash.as_str()));
    }
}

/// The names of all installed capsules, sorted.
///
/// # Errors
/// [`PackageError::Io`].
pub fn installed(home: &Home) -> Result<Vec<CapsuleName>, PackageError> {
    let capsules = home.capsules_dir();
    let failed = |source| PackageError::Io {
        doing: "list",
        path: capsules.clone(),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(&capsules).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // What isn't a capsule's name is no capsule: a stage, or somebody's own file.
        names.extend(name.to_str().and_then(|name| CapsuleName::parse(name).ok()));
    }
    names.sort();
    Ok(names)
}

/// Whether an installed capsule is whole: its record with its bytes.
///
/// # Errors
/// What is missing, damaged or swapped.
pub fn verify(home: &Home, name: &CapsuleName) -> Result<(Meta, Package), PackageError> {
    let package = Package::installed(home, name)?;
    let folder = home.capsules_dir().join(name.as_str());
    let meta = source::meta(&folder)?.ok_or_else(|| PackageError::NoMeta { name: name.clone() })?;
    Ok((meta, package))
}

fn clear_stages(capsules: &Path) -> Result<(), PackageError> {
    let failed = |source| PackageError::Io {
        doing: "clear",
        path: capsules.to_owned(),
        source,
    };
    for entry in fs::read_dir(capsules).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(STAGE) {
            fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Copies the folders that belong to a package; answers with its WIT files.
fn copy_extras(from: &Path, to: &Path) -> Result<Vec<String>, PackageError> {
    let mut wit_files = Vec::new();
    let mut left = ARCHIVE_BYTES;
    for extra in EXTRAS {
        let folder = from.join(extra);
        match fs::symlink_metadata(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Ok(found) if found.is_dir() => {}
            _ => return Err(PackageError::OddFile { path: folder }),
        }
        for file in source::files_below(&folder, ARCHIVE_ENTRIES)? {
            let (from, to) = (folder.join(&file), to.join(extra).join(&file));
            make_dir(to.parent().unwrap_or(Path::new(".")))?;
            let copied = fs::copy(&from, &to).map_err(|source| PackageError::Io {
                doing: "copy",
                path: from.clone(),
                source,
            })?;
            left = left
                .checked_sub(copied)
                .ok_or_else(|| PackageError::TooLarge {
                    path: folder.clone(),
                    limit: ARCHIVE_BYTES,
                })?;
            if extra == "wit" {
                wit_files.push(file.display().to_string());
            }
        }
    }
    Ok(wit_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(version: &str, component: &[u8]) -> Package {
        let manifest = format!("[package]\nname = \"demo\"\nversion = \"{version}\"\n");
        Package::from_bytes(&manifest, component, ComponentHash::of(component)).expect("a package")
    }

    fn install(home: &Home, package: &Package) {
        let owner = PrincipalId::default_principal();
        let alone = home.lock_exclusive().expect("free");
        stage(home, &alone, package, "a test", &owner)
            .expect("staged")
            .commit()
            .expect("committed");
    }

    fn name() -> CapsuleName {
        CapsuleName::parse("demo").expect("a name")
    }

    #[test]
    fn an_installed_package_is_found_whole() {
        let home = Home::ephemeral().expect("a home");
        install(&home, &package("1.0.0", b"one"));
        let (meta, found) = verify(&home, &name()).expect("whole");
        assert_eq!(
            (meta.version.as_str(), found.component()),
            ("1.0.0", &b"one"[..])
        );
        install(&home, &package("2.0.0", b"two"));
        let (newer, found) = verify(&home, &name()).expect("whole");
        assert_eq!(
            (newer.version.as_str(), found.component()),
            ("2.0.0", &b"two"[..])
        );
        assert_eq!(newer.installed_at, meta.installed_at);
        assert_eq!(
            fs::read_dir(home.capsules_dir()).expect("listed").count(),
            1
        );
    }

    #[test]
    fn a_stage_that_is_dropped_changes_nothing() {
        let home = Home::ephemeral().expect("a home");
        install(&home, &package("1.0.0", b"one"));
        let owner = PrincipalId::default_principal();
        let alone = home.lock_exclusive().expect("free");
        let staged =
            stage(&home, &alone, &package("2.0.0", b"two"), "a test", &owner).expect("staged");
        assert_eq!(
            staged.previous().map(|meta| meta.version.as_str()),
            Some("1.0.0")
        );
        drop(staged);
        assert_eq!(verify(&home, &name()).expect("whole").0.version, "1.0.0");
        assert_eq!(
            fs::read_dir(home.root().join("bin"))
                .expect("listed")
                .count(),
            1
        );
    }

    #[test]
    fn swapped_bytes_a_missing_record_or_hash_are_told_apart() {
        let home = Home::ephemeral().expect("a home");
        install(&home, &package("1.0.0", b"one"));
        let hash = ComponentHash::of(b"one");
        fs::write(home.binary(hash.as_str()), b"two").expect("swapped");
        assert!(matches!(
            Package::installed(&home, &name()),
            Err(PackageError::OtherHash { .. })
        ));
        fs::remove_file(home.binary(hash.as_str())).expect("removed");
        assert!(matches!(
            Package::installed(&home, &name()),
            Err(PackageError::NoComponent { .. })
        ));
        let meta = home.capsules_dir().join("demo/meta.json");
        let text = fs::read_to_string(&meta)
            .expect("read")
            .replace("wasm_hash", "other");
        fs::write(&meta, text).expect("written");
        assert!(matches!(
            Package::installed(&home, &name()),
            Err(PackageError::NoHash { .. })
        ));
        fs::write(&meta, "{").expect("written");
        assert!(matches!(
            Package::installed(&home, &name()),
            Err(PackageError::BadMeta { .. })
        ));
        fs::remove_file(&meta).expect("removed");
        assert!(matches!(
            Package::installed(&home, &name()),
            Err(PackageError::NoMeta { .. })
        ));
        install(&home, &package("1.0.1", b"one"));
        assert!(Package::installed(&home, &name()).is_ok());
    }

    #[test]
    fn removing_keeps_bytes_that_another_capsule_has() {
        let home = Home::ephemeral().expect("a home");
        install(&home, &package("1.0.0", b"one"));
        let other = Package::from_bytes(
            "[package]\nname = \"other\"\nversion = \"1.0.0\"\n",
            *b"one",
            ComponentHash::of(b"one"),
        )
        .expect("a package");
        install(&home, &other);
        let alone = home.lock_exclusive().expect("free");
        remove(&home, &alone, &name()).expect("removed");
        assert_eq!(installed(&home).expect("listed").len(), 1);
        let other = CapsuleName::parse("other").expect("a name");
        assert!(Package::installed(&home, &other).is_ok());
        remove(&home, &alone, &other).expect("removed");
        assert_eq!(
            fs::read_dir(home.root().join("bin"))
                .expect("listed")
                .count(),
            0
        );
        assert!(matches!(
            remove(&home, &alone, &other),
            Err(PackageError::NotInstalled { .. })
        ));
    }
}
