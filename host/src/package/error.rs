//! Why bytes are not taken for a capsule.

use std::path::PathBuf;

use super::{ComponentHash, MANIFEST, META};
use crate::files::FileError;
use crate::home::HomeError;
use crate::kind::ErrorKind;
use crate::manifest::{CapsuleName, ManifestErrors};

/// Why a package can't be had, installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// No capsule of this name is installed.
    #[error("no capsule {name} is installed")]
    NotInstalled {
        /// The name.
        name: CapsuleName,
    },
    /// A folder without a manifest.
    #[error("{folder} has no {MANIFEST}")]
    NoManifest {
        /// The folder.
        folder: PathBuf,
    },
    /// The manifest has mistakes.
    #[error(transparent)]
    Manifest(#[from] ManifestErrors),
    /// An installed capsule without a meta.json.
    #[error("capsule {name} has no {META}: nothing says which bytes were installed")]
    NoMeta {
        /// The capsule.
        name: CapsuleName,
    },
    /// A meta.json that isn't one.
    #[error("{path} can't be read: {reason}")]
    BadMeta {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A meta.json without `wasm_hash`.
    #[error(
        "the {META} of capsule {name} has no wasm_hash: nothing says which bytes were installed"
    )]
    NoHash {
        /// The capsule.
        name: CapsuleName,
    },
    /// Other bytes than those that were installed.
    #[error(
        "{place} of capsule {capsule} is not what was installed or pinned: its hash is {found}, expected was {expected}"
    )]
    OtherHash {
        /// The capsule.
        capsule: CapsuleName,
        /// Which file.
        place: String,
        /// The hash on record.
        expected: ComponentHash,
        /// The hash of the bytes.
        found: ComponentHash,
    },
    /// A file beside the component that is not as it was installed.
    #[error("{path} of capsule {capsule} {what}: the package is not what was installed")]
    OtherFile {
        /// The capsule.
        capsule: CapsuleName,
        /// The file.
        path: PathBuf,
        /// What happened to it.
        what: &'static str,
    },
    /// A package, or what is installed under its name, is not what was agreed to any more.
    #[error("{what} has changed since you were asked whether to install it")]
    Changed {
        /// What.
        what: String,
    },
    /// Another installation or removal came between a version's staging and its commit.
    #[error(
        "capsule {name} was installed or removed meanwhile by another task: nothing is put in its place"
    )]
    Interleaved {
        /// The capsule.
        name: CapsuleName,
    },
    /// A manifest that names another capsule than the folder it lies in.
    #[error("{folder} holds the manifest of {found}, not of {name}")]
    OtherName {
        /// The folder.
        folder: PathBuf,
        /// The installed name.
        name: CapsuleName,
        /// The manifest's.
        found: CapsuleName,
    },
    /// The component's file isn't there.
    #[error("there is no component {path}")]
    NoComponent {
        /// Where it should be.
        path: PathBuf,
    },
    /// An archive that is damaged, or that holds what no archive of a capsule may.
    #[error("{path} can't be unpacked: {reason}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is larger than is taken.
    #[error("{path} is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most bytes.
        limit: u64,
    },
    /// A link, or something that is neither file nor folder, among a capsule's files.
    #[error("{path} is neither a file nor a folder")]
    OddFile {
        /// Where.
        path: PathBuf,
    },
    /// A file whose name is not UTF-8.
    #[error("the name of {path} is not UTF-8")]
    OddName {
        /// Where.
        path: PathBuf,
    },
    /// More files than a capsule may have.
    #[error("{folder} has more than {limit} files")]
    TooMany {
        /// The folder.
        folder: PathBuf,
        /// Most files.
        limit: usize,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
}

impl PackageError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotInstalled { .. } => ErrorKind::NotFound,
            Self::Manifest(_) | Self::NoManifest { .. } => ErrorKind::Manifest,
            Self::NoMeta { .. }
            | Self::BadMeta { .. }
            | Self::NoHash { .. }
            | Self::OtherHash { .. }
            | Self::OtherFile { .. }
            | Self::Changed { .. }
            | Self::OtherName { .. }
            | Self::NoComponent { .. }
            | Self::Archive { .. } => ErrorKind::Integrity,
            Self::TooLarge { .. } | Self::TooMany { .. } => ErrorKind::TooLarge,
            Self::Interleaved { .. } => ErrorKind::Interrupted,
            Self::OddFile { .. } | Self::OddName { .. } | Self::File(_) => ErrorKind::Io,
            Self::Home(error) => error.kind(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotInstalled { .. } => {
                "see what is: astrid list; install it: astrid install DIR".into()
            }
            Self::NoManifest { .. } => "name the folder of a capsule, or make one with: astrid new NAME".into(),
            Self::Manifest(_) => return None,
            Self::NoMeta { name } | Self::NoHash { name } => {
                format!(
                    "install it again from its source: astrid install DIR (this replaces {name})"
                )
            }
            Self::BadMeta { .. } | Self::OtherName { .. } => {
                "install the capsule again: astrid install DIR".into()
            }
            Self::OtherHash { .. } => {
                "if you changed it, install it again (astrid install DIR), or pin its new hash in [[component]]; \
                 if not, somebody else did"
                    .into()
            }
            Self::OtherFile { .. } => {
                "if you changed it, change the package's source instead and install that (astrid install DIR); if \
                 not, somebody else did"
                    .into()
            }
            Self::Changed { .. } => "install it again, and look at what it asks for now".into(),
            Self::Interleaved { .. } => "see what is installed now: astrid list; then install it again".into(),
            Self::NoComponent { .. } => "build it with: astrid build, or install it again".into(),
            Self::TooLarge { .. } => "make it smaller".into(),
            Self::TooMany { .. } => "leave files out that the capsule doesn't need".into(),
            Self::Archive { .. } => "have it built and sent again: `astrid build` makes it".into(),
            Self::OddName { .. } => "give it another name".into(),
            Self::OddFile { .. } => "replace it by a plain file".into(),
            Self::File(error) => error.hint(),
            Self::Home(error) => error.hint(),
        })
    }
}
