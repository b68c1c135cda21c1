//! What a command's CAPSULE, DIR or FILE stands for.

use std::path::{Path, PathBuf};

use astrid_cli::authoring::{self, BuildOptions, Built, Sdk, Verbosity};
use astrid_host::home::Home;
use astrid_host::manifest::CapsuleName;
use astrid_host::package::{self, MANIFEST};
use astrid_host::{ErrorKind, Package};

use crate::failure::Failure;
use crate::session::Session;
use crate::signals;

/// Something that a capsule can be had from.
pub(crate) enum Source {
    /// An installed one.
    Installed(CapsuleName),
    /// The folder of its crate.
    Crate(PathBuf),
    /// A folder that holds Capsule.toml beside the component.
    Folder(PathBuf),
    /// A `.capsule` archive.
    Archive(PathBuf),
    /// A component without a manifest.
    Component(PathBuf),
}

impl Source {
    /// What `given` stands for. A name without a slash is an installed capsule, if there is one; else it is a path.
    pub(crate) fn find(home: &Home, given: &str) -> Result<Self, Failure> {
        if let Ok(name) = CapsuleName::parse(given)
            && package::installed(home)?.contains(&name)
        {
            return Ok(Self::Installed(name));
        }
        Self::path(given).map_err(|failure| match CapsuleName::parse(given) {
            Ok(name) if !Path::new(given).exists() => {
                Failure::of_package(home, package::PackageError::NotInstalled { name })
            }
            _ => failure,
        })
    }

    /// What a path stands for.
    pub(crate) fn path(given: &str) -> Result<Self, Failure> {
        let path = PathBuf::from(given);
        if path.is_dir() {
            if path.join("Cargo.toml").is_file() && path.join(MANIFEST).is_file() {
                return Ok(Self::Crate(path));
            }
            if path.join(MANIFEST).is_file() {
                return Ok(Self::Folder(path));
            }
            return Err(package::PackageError::NoManifest { folder: path }.into());
        }
        if path.is_file()
            && path
                .extension()
                .is_some_and(|extension| extension == "capsule")
        {
            return Ok(Self::Archive(path));
        }
        if path.is_file() {
            return Ok(Self::Component(path));
        }
        Err(
            Failure::new(ErrorKind::NotFound, format!("there is no {given}"))
                .hint("give a folder that holds a Capsule.toml, or a .capsule archive"),
        )
    }

    /// The package, built first if it is a crate.
    pub(crate) fn package(&self, session: &Session, home: &Home) -> Result<Found, Failure> {
        match self {
            Self::Crate(folder) => {
                let built = build(session, &session.home()?, folder)?;
                let package = Package::from_build(folder, built.component_bytes)?;
                let at = built.archive;
                Ok(Found { package, at })
            }
            _ => self.as_it_is(session, home),
        }
    }

    /// The package as it is now. Nothing is built, so nothing of a crate is run: its component is the one of its last
    /// build.
    pub(crate) fn as_it_is(&self, session: &Session, home: &Home) -> Result<Found, Failure> {
        let (package, at) = match self {
            Self::Installed(name) => (Package::installed(home, name)?, home.capsules_dir()),
            Self::Crate(folder) => {
                let package = authoring::last_build(folder)?;
                session
                    .out
                    .note("the component is the one of the last build; astrid build makes it anew");
                (package, folder.clone())
            }
            Self::Folder(folder) => (Package::from_folder(folder)?, folder.clone()),
            Self::Archive(file) => {
                signals::remove_temporaries();
                (Package::from_archive(file)?, file.clone())
            }
            Self::Component(file) => {
                return Err(
                    Failure::usage(format!("{} has no manifest", file.display()))
                        .hint("give the folder that holds it beside a Capsule.toml"),
                );
            }
        };
        Ok(Found { package, at })
    }
}

/// A package, and where it was found.
pub(crate) struct Found {
    pub(crate) package: Package,
    /// The folder or archive that it can be read from again; for a crate, the archive that was just built.
    pub(crate) at: PathBuf,
}

/// Builds the crate in `folder` against the SDK that this command carries.
pub(crate) fn build(session: &Session, home: &Home, folder: &Path) -> Result<Built, Failure> {
    let sdk = Sdk::unpack_into(&home.sdk_dir())?;
    let mut options = BuildOptions::new(sdk);
    options.verbosity = if session.verbose > 0 {
        Verbosity::Verbose
    } else {
        Verbosity::Normal
    };
    let built = authoring::build(folder, &options)?;
    if let Some(advice) = &built.advice {
        session.out.warning(advice);
    }
    Ok(built)
}
