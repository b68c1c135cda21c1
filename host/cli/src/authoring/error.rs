//! What can go wrong between a folder and a component, and what to do about it.

use std::path::{Path, PathBuf};

use astrid_host::ErrorKind;
use astrid_host::control::Problem;
use astrid_host::files::FileError;
use thiserror::Error;

use super::componentize::ComponentizeError;
use super::toolchain::WASM_TARGET;

/// Why a capsule could not be made or built. The text says what failed and where; [`AuthoringError::hint`] says
/// what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthoringError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A TOML file cannot be parsed. It was left as it is.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What the parser said.
        message: String,
    },
    /// A TOML file has something else at a key than what belongs there. It was left as it is.
    #[error("{}: `{key}` must be {expected}", path.display())]
    TomlShape {
        /// The file.
        path: PathBuf,
        /// The dotted key.
        key: String,
        /// What belongs there: `a table`, `a string`.
        expected: &'static str,
    },
    /// A path that cargo cannot report, because it is not UTF-8.
    #[error("the path {} is not UTF-8, and cargo cannot build there", path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// A manifest that would be none with the lines it lacks. It was left as it is.
    #[error("{} can't be fixed: {reason}", path.display())]
    Unfixable {
        /// The file.
        path: PathBuf,
        /// What would be wrong with it then.
        reason: String,
    },
    /// A manifest has no name for what it describes.
    #[error("{}: `[package] name` is missing", path.display())]
    NoName {
        /// The `Cargo.toml` or `Capsule.toml`.
        path: PathBuf,
    },
    /// A capsule's name that cannot be one.
    #[error("`{name}` cannot be a capsule's name: {reason}")]
    BadName {
        /// The name as given.
        name: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// There is no template of that name.
    #[error("there is no template `{name}`; there are: {}", known.join(", "))]
    UnknownTemplate {
        /// The name as given.
        name: String,
        /// Those there are.
        known: Vec<String>,
        /// The one it resembles most, if any is near.
        nearest: Option<String>,
    },
    /// The folder of the new capsule has something in it.
    #[error("{} is there already and is not empty", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
    },
    /// There is no crate in the folder.
    #[error("{} is no crate: {reason}", folder.display())]
    NotACrate {
        /// The folder.
        folder: PathBuf,
        /// Whether the folder is missing or its manifest.
        reason: &'static str,
    },
    /// The folder holds a crate, but no `Capsule.toml`.
    #[error("{} is no capsule: it has a Cargo.toml but no Capsule.toml", folder.display())]
    NotACapsule {
        /// The folder.
        folder: PathBuf,
        /// The crate's name, for the manifest to write.
        crate_name: String,
    },
    /// The folder's `Cargo.toml` is that of a workspace without a package.
    #[error("{} describes a workspace, not one crate", path.display())]
    NoPackage {
        /// The `Cargo.toml`.
        path: PathBuf,
    },
    /// The crate is not built as a library that wasm can load.
    #[error("{}: `[lib] crate-type` lacks \"cdylib\"", path.display())]
    NotACdylib {
        /// The `Cargo.toml`.
        path: PathBuf,
    },
    /// Cargo or rustc could not be started.
    #[error("cannot start `{program}`: {source}")]
    NoRust {
        /// What was to be started.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// rustc cannot even say where its libraries are; it has already said why on standard error.
    #[error("rustc does not work in {}; it says why above", folder.display())]
    Rustc {
        /// The crate's folder, whose `rust-toolchain.toml` may name the toolchain.
        folder: PathBuf,
    },
    /// Rust is there, the target that capsules are built for is not.
    #[error("this Rust cannot build for {WASM_TARGET}: the target's library is not installed")]
    NoWasmTarget {
        /// Whether `rustup` manages it.
        rustup: bool,
    },
    /// Cargo cannot tell which workspace the crate belongs to.
    #[error("cargo cannot find the workspace of {}: {message}", folder.display())]
    Workspace {
        /// The crate's folder.
        folder: PathBuf,
        /// What cargo said.
        message: String,
    },
    /// Cargo failed; it has already said why on standard error.
    #[error("cargo could not build {}{}; it says why above", folder.display(), code(*.status))]
    Cargo {
        /// The crate's folder.
        folder: PathBuf,
        /// Cargo's exit code, if it was not ended by a signal.
        status: Option<i32>,
        /// What helps, if the error is one that many meet on this target.
        help: Option<&'static str>,
    },
    /// Cargo is told to start the compiler by a program that isn't there.
    #[error(
        "cargo could not start the compiler: {by} is `{program}`, and there is no such program"
    )]
    NoWrapper {
        /// The variable or the configuration's key.
        by: String,
        /// What it names.
        program: String,
    },
    /// Another crate's module is where that of this crate should be, though it was made anew.
    #[error(
        "{} is the module of another crate, {}, and not of {}: their libraries have one name, and are built into one \
         target folder",
        core.display(), other.display(), folder.display()
    )]
    OtherModule {
        /// The module's file.
        core: PathBuf,
        /// The folder of the crate that was to be built.
        folder: PathBuf,
        /// The folder of the other one.
        other: PathBuf,
    },
    /// Cargo succeeded and made no wasm library of the crate.
    #[error("cargo built {} but reported no .wasm library of it", folder.display())]
    NoArtifact {
        /// The crate's folder.
        folder: PathBuf,
    },
    /// What cargo made is no capsule.
    #[error("{}: {source}", core.display())]
    Componentize {
        /// The core module that cargo made.
        core: PathBuf,
        /// Why no component can be made of it.
        source: ComponentizeError,
    },
    /// A path that an archive cannot hold.
    #[error("{}: {reason}, which a .capsule archive cannot hold", path.display())]
    NotArchivable {
        /// The file, or the path that the manifest names.
        path: PathBuf,
        /// What it is.
        reason: &'static str,
    },
    /// An archive larger than a host would unpack.
    #[error("{} would have more than {limit}", path.display())]
    ArchiveTooLarge {
        /// The archive.
        path: PathBuf,
        /// The limit that it exceeds.
        limit: String,
    },
    /// What the command carries is not what it was built with.
    #[error("the SDK within this program is damaged: {reason}")]
    Carried {
        /// What is wrong with it.
        reason: String,
    },
}

impl AuthoringError {
    /// One word for programs.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BadName { .. } | Self::UnknownTemplate { .. } => ErrorKind::Usage,
            _ => ErrorKind::Build,
        }
    }

    /// What to do about it, where there is something to say beyond the error itself.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::BadName { .. } => {
                "a name is 1 to 64 of a-z, 0-9, `-` and `_`, begins with a letter, and is a \
                valid name of a crate"
                    .to_owned()
            }
            Self::UnknownTemplate { nearest, .. } => {
                format!("did you mean `{}`?", nearest.as_deref()?)
            }
            Self::FolderInUse { .. } => {
                "choose another name, or another place with `--path DIR`".to_owned()
            }
            Self::NotACrate { .. } => {
                "name the folder of a capsule's crate, or make one with `astrid new NAME`"
                    .to_owned()
            }
            Self::NotACapsule { crate_name, .. } => format!(
                "write a Capsule.toml beside it, or begin with `astrid new NAME`; the least there can be:\n\n\
                 [package]\nname = \"{crate_name}\"\nversion = \"0.1.0\"\n\n\
                 [[component]]\nfile = \"target/astrid/{crate_name}.wasm\""
            ),
            Self::NoPackage { .. } => "name the folder of one of its members".to_owned(),
            Self::NotACdylib { .. } => {
                "add to it:\n\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]".to_owned()
            }
            Self::NoRust { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "install Rust from https://rustup.rs".to_owned()
            }
            Self::NoWasmTarget { rustup: true } => format!("rustup target add {WASM_TARGET}"),
            Self::NoWasmTarget { rustup: false } => format!(
                "this Rust is not managed by rustup: install your distribution's package of the Rust library for \
                 {WASM_TARGET} (Debian: libstd-rust-dev-wasm32, Fedora: rust-std-static-{WASM_TARGET}), or install \
                 Rust from https://rustup.rs and run `rustup target add {WASM_TARGET}`"
            ),
            Self::Workspace { folder, .. } => format!(
                "make the crate a member of that workspace, or give {} a `[workspace]` table of its own",
                folder.join("Cargo.toml").display()
            ),
            Self::NoArtifact { .. } => "its `[lib] crate-type` needs \"cdylib\"".to_owned(),
            Self::Componentize { source, .. } => source.hint()?,
            Self::Carried { .. } => "install `astrid` again".to_owned(),
            Self::File(error) => error.hint(),
            Self::Toml { .. } | Self::TomlShape { .. } => {
                "mend that; the file was left as it is".to_owned()
            }
            Self::Unfixable { .. } => {
                "take out what the source doesn't have any more, then try again".to_owned()
            }
            Self::NoName { .. } => "add to [package]: name = \"my-capsule\"".to_owned(),
            Self::NoRust { program, .. } => {
                format!("check that `{program}` is a program that may be started")
            }
            Self::Cargo {
                help: Some(help), ..
            } => (*help).to_owned(),
            Self::Rustc { .. } | Self::Cargo { .. } => {
                "mend what is reported above, then build again".to_owned()
            }
            Self::NotUtf8 { .. } => {
                "choose folders whose names are UTF-8, for the crate, the home and $CARGO_TARGET_DIR".to_owned()
            }
            Self::NoWrapper { by, .. } => format!("install that program, or take {by} away"),
            Self::OtherModule { .. } => {
                "build them one after the other, give each a target folder of its own with $CARGO_TARGET_DIR, or \
                 another `[lib] name`"
                    .to_owned()
            }
            Self::NotArchivable { .. } => {
                "put a plain file or folder there, or leave it out".to_owned()
            }
            Self::ArchiveTooLarge { .. } => {
                "leave files out that the capsule doesn't need".to_owned()
            }
        };
        Some(hint)
    }

    /// For `map_err`: a file system error with what was being done to what.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let failed = FileError::at(doing, path);
        move |error| failed(error).into()
    }

    /// A parser's error with the place in `text`.
    pub(super) fn toml(path: &Path, text: &str, error: &toml_edit::TomlError) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::Toml {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: error.message().trim_end().to_owned(),
        }
    }
}

impl From<AuthoringError> for Problem {
    fn from(error: AuthoringError) -> Self {
        Self {
            hint: error.hint(),
            ..Self::new(error.kind(), error.to_string())
        }
    }
}

fn code(status: Option<i32>) -> String {
    status.map_or_else(String::new, |code| format!(" (exit code {code})"))
}
