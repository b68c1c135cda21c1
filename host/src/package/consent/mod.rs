//! What a person agrees to when a package is installed: what it asks for, how that differs from what is installed
//! under its name, from where and for whom it comes, and what was left under that name.
//!
//! A [`Consent`] is read without a lock, shown, and compared with one that is read anew when the home is held: what
//! differs by then was not agreed to. Nothing here asks; the terminal, or an embedder's own people, do.

mod describe;
mod left;
mod shown;
mod terms;

use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};

pub use left::{AllLeft, Kept, Left, LeftKind};
pub use terms::{Area, Change, Term, Terms};

use super::{ComponentHash, Files, Package, PackageError, files, source, store};
use crate::exports;
use crate::home::Home;
use crate::manifest::{CapsuleManifest, CapsuleName, Parsed};
use crate::names::PrincipalId;

/// A package's bytes: whoever agrees to it agrees to these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The capsule.
    pub name: CapsuleName,
    /// Its version.
    pub version: String,
    /// The hash of its component; none where that is yet to be built.
    pub component: Option<ComponentHash>,
    /// BLAKE3 of the paths and hashes of all its other files.
    pub files: ComponentHash,
}

/// What is installed under the package's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Its version.
    pub version: Option<String>,
    /// Where it came from.
    pub source: Option<String>,
    /// For whom it was installed.
    pub owner: Option<String>,
    /// The hash of its component, as its record says.
    pub component: Option<ComponentHash>,
    /// BLAKE3 of its record: every installation has another one.
    pub record: Option<ComponentHash>,
    /// Why it cannot be compared with; none if it is whole.
    pub damage: Option<String>,
}

/// What is to be agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Which bytes.
    pub package: Identity,
    /// Where they come from: a folder or an archive, or what an embedder calls it.
    pub source: String,
    /// For whom they are installed.
    pub owner: PrincipalId,
    /// All that they ask for.
    pub terms: Terms,
    /// What is installed under their name.
    pub before: Option<Before>,
    /// What is new, changed and dropped; everything is new where nothing whole is installed.
    pub changes: Vec<Change>,
    /// What was left under the name, by another source or for another owner.
    pub left: AllLeft,
}

impl Consent {
    /// What is to be agreed to when `package` is installed from `source` for `owner`; without one, for the owner of
    /// what is installed, else for `default`.
    ///
    /// # Errors
    /// [`PackageError`]: the package's files, or the home, cannot be read.
    pub fn of(
        home: &Home,
        package: &Package,
        source: &str,
        owner: Option<&PrincipalId>,
    ) -> Result<Self, PackageError> {
        let binary = exports::analyse(package.component()).ok();
        let files = package.files()?;
        let terms = Terms::of(package.manifest(), binary.as_ref(), &files);
        let component = Some(package.hash().clone());
        let identity = Identity::of(package.manifest(), component, &files);
        Self::compared(home, identity, terms, source, owner)
    }

    /// The same of a crate that is yet to be built, as far as its manifest tells: whether it has a run loop, and which
    /// tools it has beside those in `[[tool]]`, the build shows.
    ///
    /// # Errors
    /// [`PackageError`]: the manifest, the package's files, or the home cannot be read.
    pub fn before_building(
        home: &Home,
        folder: &Path,
        source: &str,
        owner: Option<&PrincipalId>,
    ) -> Result<Self, PackageError> {
        let (Parsed { manifest, .. }, text) = source::manifest(folder)?;
        let files = files::of(Some(folder), &manifest, &text)?;
        let terms = Terms::of(&manifest, None, &files);
        let identity = Identity::of(&manifest, None, &files);
        Self::compared(home, identity, terms, source, owner)
    }

    fn compared(
        home: &Home,
        package: Identity,
        terms: Terms,
        source: &str,
        owner: Option<&PrincipalId>,
    ) -> Result<Self, PackageError> {
        let installed = installed(home, &package.name);
        let (before, whole) =
            installed.map_or((None, None), |(before, whole)| (Some(before), whole));
        let kept = before
            .as_ref()
            .and_then(|before| before.owner.as_deref()?.parse().ok());
        let owner = owner.cloned().or(kept);
        // What only a binary shows is compared where there is one.
        let known = whole.map(|whole| whole.terms(package.component.is_some()));
        let changes = terms.changes_since(&known.unwrap_or_default());
        let mut consent = Self {
            package,
            source: source.to_owned(),
            owner: owner.unwrap_or_else(PrincipalId::default_principal),
            terms,
            before,
            changes,
            left: AllLeft::default(),
        };
        if consent.is_of_a_stranger() {
            consent.left = left::of(home, &consent.package.name)?;
        }
        Ok(consent)
    }

    /// Whether it comes from elsewhere than what is installed under its name, or nothing whole is: then what was left under
    /// the name is shown.
    pub fn is_of_a_stranger(&self) -> bool {
        match &self.before {
            None => true,
            Some(before) => {
                before.damage.is_some()
                    || self.other_source().is_some()
                    || self.other_owner().is_some()
            }
        }
    }

    /// The same with the keys and values that were left under its name.
    #[must_use]
    pub fn with_kept(mut self, kept: Vec<Kept>) -> Self {
        if self.is_of_a_stranger() {
            self.left.kept = kept;
        }
        self
    }

    /// Refuses what was not agreed to: another package, or another installation, owner, source or rest of data under
    /// its name than there was.
    ///
    /// # Errors
    /// [`PackageError::Changed`]; [`PackageError`] for what cannot be read.
    pub fn still_holds(&self, home: &Home, package: &Package) -> Result<(), PackageError> {
        let now = Self::of(home, package, &self.source, Some(&self.owner))?;
        let now = now.with_kept(self.left.kept.clone());
        if now == *self {
            return Ok(());
        }
        let name = &self.package.name;
        let what = if now.package == self.package {
            format!("what is installed or stored under the name {name}")
        } else {
            format!("the package {name}")
        };
        Err(PackageError::Changed { what })
    }

    /// Whether this package has the bytes that the consent is about.
    ///
    /// # Errors
    /// [`PackageError`]: its files cannot be read.
    pub fn is_of(&self, package: &Package) -> Result<bool, PackageError> {
        let component = Some(package.hash().clone());
        let identity = Identity::of(package.manifest(), component, &package.files()?);
        Ok(identity == self.package)
    }

    /// Refuses files that were read anew for an installation, if they are not those that were agreed to.
    ///
    /// # Errors
    /// [`PackageError::Changed`].
    pub(crate) fn covers(&self, package: &Package, files: &Files) -> Result<(), PackageError> {
        let component = Some(package.hash().clone());
        if Identity::of(package.manifest(), component, files) == self.package {
            return Ok(());
        }
        let what = format!("the package {}", self.package.name);
        Err(PackageError::Changed { what })
    }

    /// Whether a person is to be asked: it is yet to be built, which runs its code; nothing whole is installed, any
    /// term differs, it comes from another source or is for another owner, its version is lower, or its component
    /// differs from that of the same version.
    pub fn asks(&self) -> bool {
        let damaged = |before: &Before| before.damage.is_some();
        self.package.component.is_none()
            || self.before.as_ref().is_none_or(damaged)
            || !self.changes.is_empty()
            || self.other_source().is_some()
            || self.other_owner().is_some()
            || self.lower_version().is_some()
            || self.other_bytes().is_some()
    }

    /// Whether all that this asks was asked by `shown`, which was read before the component was built: to build it is
    /// to agree to the component that comes of it.
    pub fn is_covered_by(&self, shown: &Self) -> bool {
        let asked = |change: &Change| shown.changes.contains(change);
        self.package.version == shown.package.version
            && self.package.files == shown.package.files
            && (&self.source, &self.owner) == (&shown.source, &shown.owner)
            && (&self.before, &self.left) == (&shown.before, &shown.left)
            && self.changes.iter().all(asked)
    }

    /// The source of what is installed, if that is another one: another folder, or an archive from another folder. An
    /// archive's file name may change from version to version.
    pub fn other_source(&self) -> Option<&str> {
        let before = self.before.as_ref()?.source.as_deref().unwrap_or("unknown");
        (origin(before) != origin(&self.source)).then_some(before)
    }

    /// The owner of what is installed, if that is another one.
    pub fn other_owner(&self) -> Option<&str> {
        let before = self.before.as_ref()?.owner.as_deref().unwrap_or("default");
        (before != self.owner.as_str()).then_some(before)
    }

    /// The version of what is installed, if that is a higher one.
    pub fn lower_version(&self) -> Option<&str> {
        let before = self.before.as_ref()?.version.as_deref()?;
        let higher = match (
            Version::parse(before),
            Version::parse(&self.package.version),
        ) {
            (Ok(before), Ok(now)) => before > now,
            // A record's version that is none may be any.
            _ => before != self.package.version,
        };
        higher.then_some(before)
    }

    /// The version of what is installed, if this one is the same with another component.
    pub fn other_bytes(&self) -> Option<&str> {
        let (now, before) = (self.package.component.as_ref()?, self.before.as_ref()?);
        let version = before.version.as_deref()?;
        let differs = before.component.as_ref() != Some(now);
        (version == self.package.version && differs).then_some(version)
    }
}

impl Identity {
    fn of(manifest: &CapsuleManifest, component: Option<ComponentHash>, files: &Files) -> Self {
        let listed: String = files
            .iter()
            .map(|(path, hash)| format!("{hash} {path}\0"))
            .collect();
        Self {
            name: manifest.name().clone(),
            version: manifest.package.version.to_string(),
            component,
            files: ComponentHash::of(listed.as_bytes()),
        }
    }
}

/// An installed package that is whole.
struct Whole {
    package: Package,
    files: Files,
}

impl Whole {
    /// Its terms; with those that only its binary shows, or without.
    fn terms(&self, with_binary: bool) -> Terms {
        let binary = with_binary.then(|| exports::analyse(self.package.component()).ok());
        Terms::of(
            self.package.manifest(),
            binary.flatten().as_ref(),
            &self.files,
        )
    }
}

/// What is installed under a name, and whether it can be compared with.
fn installed(home: &Home, name: &CapsuleName) -> Option<(Before, Option<Whole>)> {
    let folder = store::folder(home, name)?;
    let (meta, record) = match source::record(&folder) {
        Ok(Some((meta, record))) => (Some(meta), Some(record)),
        Ok(None) | Err(_) => (None, None),
    };
    let whole = store::verify(home, name).and_then(|(_, package)| {
        let files = package.files()?;
        Ok(Whole { package, files })
    });
    let (damage, whole) = match whole {
        Ok(whole) => (None, Some(whole)),
        Err(error) => (Some(error.to_string()), None),
    };
    let before = Before {
        version: meta.as_ref().map(|meta| meta.version.clone()),
        source: meta.as_ref().and_then(|meta| meta.source.clone()),
        component: meta.as_ref().and_then(|meta| meta.wasm_hash.clone()),
        owner: meta.and_then(|meta| meta.owner),
        record,
        damage,
    };
    Some((before, whole))
}

/// The folder that a source is, or that an archive lies in.
fn origin(source: &str) -> &Path {
    let path = Path::new(source);
    match path.parent() {
        Some(folder)
            if path
                .extension()
                .is_some_and(|extension| extension == "capsule") =>
        {
            folder
        }
        _ => path,
    }
}

#[cfg(test)]
mod tests;
