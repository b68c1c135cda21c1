//! A capsule's bytes: where they come from, whether they are the installed ones, and how they get installed.
//!
//! A [`Package`] can only be made of bytes whose hash was checked, and holds that very buffer: what is compiled
//! later is what was checked. Nothing here runs guest code.

mod archive;
pub mod consent;
mod entry_points;
mod error;
mod files;
mod hash;
mod install;
mod meta;
mod source;
mod store;

use std::path::Path;

pub use archive::{ARCHIVE_BYTES, ARCHIVE_ENTRIES};
pub use entry_points::overrides;
pub use error::PackageError;
pub use files::{Files, named_files};
pub use hash::{ComponentHash, InvalidHash};
pub use install::{Staged, remove, stage};
pub use meta::Meta;
pub use source::{component, manifest_in, manifest_of};
pub use store::{installed, record, verify};

use crate::home::Home;
use crate::limits::package::{META_BYTES, TEXT_BYTES};
use crate::manifest::{CapsuleManifest, CapsuleName, Diagnostic, Parsed};
use crate::names::PrincipalId;

/// The manifest's file name.
pub const MANIFEST: &str = "Capsule.toml";
/// The file that records an installation.
pub const META: &str = "meta.json";

/// A manifest with the component it belongs to, checked against each other's hash.
#[derive(Debug, Clone)]
pub struct Package {
    manifest: CapsuleManifest,
    manifest_text: String,
    warnings: Vec<Diagnostic>,
    component: std::sync::Arc<Vec<u8>>,
    hash: ComponentHash,
    owner: PrincipalId,
    folder: Option<std::path::PathBuf>,
    /// Keeps the folder of an unpacked archive for as long as the package is there.
    unpacked: Option<std::sync::Arc<crate::temporary::Temporary>>,
}

impl Package {
    /// A package from memory.
    ///
    /// # Errors
    /// [`PackageError::Manifest`]; [`PackageError::OtherHash`] if the component isn't the expected one.
    pub fn from_bytes(
        manifest: &str,
        component: impl Into<Vec<u8>>,
        expected: ComponentHash,
    ) -> Result<Self, PackageError> {
        let parsed = CapsuleManifest::parse(manifest, MANIFEST)?;
        Self::checked(
            parsed,
            manifest.to_owned(),
            component.into(),
            &expected,
            || "the component".into(),
        )
    }

    /// An installed capsule, if its bytes are the ones that were installed.
    ///
    /// # Errors
    /// [`PackageError::NotInstalled`]; what is missing, damaged or swapped.
    pub fn installed(home: &Home, name: &CapsuleName) -> Result<Self, PackageError> {
        source::installed(home, name)
    }

    /// The hash that an installed capsule's component must have, without looking at the component.
    ///
    /// # Errors
    /// [`PackageError::NotInstalled`]; what is wrong with its record.
    pub fn recorded_hash(home: &Home, name: &CapsuleName) -> Result<ComponentHash, PackageError> {
        source::recorded(home, name).map(|recorded| recorded.hash)
    }

    /// A folder that holds Capsule.toml beside its component: the file that `[[component]]` names, else
    /// `<name>.wasm`. A `hash` in `[[component]]` and a meta.json beside it are checked; with neither, the
    /// bytes that are there are taken for the right ones.
    ///
    /// # Errors
    /// [`PackageError`].
    pub fn from_folder(folder: &Path) -> Result<Self, PackageError> {
        source::folder(folder)
    }

    /// A `.capsule` archive.
    ///
    /// # Errors
    /// [`PackageError::Archive`] for a damaged or hostile one; [`PackageError`].
    pub fn from_archive(path: &Path) -> Result<Self, PackageError> {
        archive::open(path)
    }

    /// A freshly built component with the manifest of its crate.
    ///
    /// # Errors
    /// [`PackageError`].
    pub fn from_build(folder: &Path, component: Vec<u8>) -> Result<Self, PackageError> {
        let (parsed, text) = source::manifest(folder)?;
        let hash = ComponentHash::of(&component);
        let mut package = Self::checked(parsed, text, component, &hash, || "the component".into())?;
        package.folder = Some(folder.to_owned());
        Ok(package)
    }

    fn checked(
        parsed: Parsed,
        manifest_text: String,
        component: Vec<u8>,
        expected: &ComponentHash,
        place: impl FnOnce() -> String,
    ) -> Result<Self, PackageError> {
        let Parsed {
            manifest, warnings, ..
        } = parsed;
        let hash = ComponentHash::of(&component);
        if hash != *expected {
            return Err(PackageError::OtherHash {
                capsule: manifest.name().clone(),
                place: place(),
                expected: expected.clone(),
                found: hash,
            });
        }
        Ok(Self {
            manifest,
            manifest_text,
            warnings,
            component: component.into(),
            hash,
            owner: PrincipalId::default_principal(),
            folder: None,
            unpacked: None,
        })
    }

    /// The manifest.
    pub fn manifest(&self) -> &CapsuleManifest {
        &self.manifest
    }

    /// The text of the manifest, as it was parsed.
    pub fn manifest_text(&self) -> &str {
        &self.manifest_text
    }

    /// What the manifest says in a way that is deprecated.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The component's bytes: the buffer that was checked.
    pub fn component(&self) -> &[u8] {
        &self.component
    }

    /// For whom it is installed; `default` unless it is.
    pub fn owner(&self) -> &PrincipalId {
        &self.owner
    }

    /// Its files beside the component, with their hashes as they are now. Of a package from memory that is the
    /// manifest alone.
    ///
    /// # Errors
    /// [`PackageError`]: one cannot be read, is a link, or they are too many or too large.
    pub fn files(&self) -> Result<Files, PackageError> {
        files::of(self.folder.as_deref(), &self.manifest, &self.manifest_text)
    }

    /// Their hash.
    pub fn hash(&self) -> &ComponentHash {
        &self.hash
    }
}
