//! The guests made with this workspace's SDK: the examples in `capsules/`, and one tiny program a case in
//! `tests/programs/`.
//!
//! All are built by one run of cargo, at the first call of this process that needs one; cargo's own lock keeps
//! other processes out meanwhile, and builds nothing that is up to date.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use astrid_host::Package;
use astrid_host::authoring::{WASM_TARGET, componentize};
use astrid_host::package::ComponentHash;

use crate::{cargo, folders};

macro_rules! guests {
    ($($(#[$doc:meta])* $guest:ident => $folder:literal,)+) => {
        /// A guest. The tests match on it, so that one without a test does not compile.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Guest {
            $($(#[$doc])* $guest,)+
        }

        impl Guest {
            /// Every guest.
            pub const ALL: &[Self] = &[$(Self::$guest),+];

            /// Its folder in the repository.
            pub const fn folder_name(self) -> &'static str {
                match self {
                    $(Self::$guest => $folder,)+
                }
            }
        }
    };
}

guests! {
    /// Greets by name.
    Hello => "capsules/hello",
    /// Hides card numbers and e-mail addresses in a prompt.
    Redact => "capsules/redact",
    /// Refuses a prompt that holds a secret.
    Guard => "capsules/guard",
    /// Calls a host function of an embedder's own.
    Billing => "tests/programs/billing",
    /// Asks the host for everything that it has.
    Conformance => "tests/programs/conformance",
    /// Does something when it is installed and when it is upgraded.
    Installer => "tests/programs/installer",
    /// Does what a capsule must not.
    Misbehave => "tests/programs/misbehave",
    /// Does nothing.
    Noop => "tests/programs/noop",
    /// Keeps in its memory what it was told.
    Rememberer => "tests/programs/rememberer",
}

/// The core modules, by the name of the guest.
static CORES: LazyLock<Result<BTreeMap<String, PathBuf>, String>> = LazyLock::new(|| {
    let mut arguments: Vec<_> = ["--profile", "capsule", "--target", WASM_TARGET]
        .map(Into::into)
        .into();
    for guest in Guest::ALL {
        arguments.extend(["--package".into(), guest.name().into()]);
    }
    cargo::build(
        &folders::root(),
        &folders::guests("workspace"),
        &arguments,
        "wasm",
    )
});

/// The components made so far.
static COMPONENTS: Mutex<BTreeMap<Guest, &'static [u8]>> = Mutex::new(BTreeMap::new());

/// Builds all guests, if this process hasn't.
///
/// # Errors
/// What cargo failed with; it has said why on standard error.
pub fn build_all() -> Result<(), String> {
    CORES.as_ref().map(drop).map_err(Clone::clone)
}

impl Guest {
    /// Its name: that of the crate, the capsule and the folder.
    pub fn name(self) -> &'static str {
        let folder = self.folder_name();
        folder.rsplit_once('/').map_or(folder, |(_, name)| name)
    }

    /// Its folder.
    pub fn folder(self) -> PathBuf {
        folders::root().join(self.folder_name())
    }

    /// Its manifest.
    ///
    /// # Panics
    /// If there is none.
    pub fn manifest(self) -> String {
        let path = self.folder().join("Capsule.toml");
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    }

    /// Its component.
    ///
    /// # Panics
    /// If it can't be built.
    pub fn component(self) -> &'static [u8] {
        let cores = CORES
            .as_ref()
            .unwrap_or_else(|error| panic!("the guests can't be built: {error}"));
        let mut made = COMPONENTS.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(self).or_insert_with(|| {
            let path = &cores[self.name()];
            let core = std::fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            let component = componentize(&core).unwrap_or_else(|error| panic!("{self:?}: {error}"));
            component.leak()
        })
    }

    /// Its manifest with its component.
    ///
    /// # Panics
    /// If it can't be built, or its manifest has mistakes.
    pub fn package(self) -> Package {
        self.package_with(&self.manifest())
    }

    /// Another manifest with its component.
    ///
    /// # Panics
    /// If it can't be built, or the manifest has mistakes.
    pub fn package_with(self, manifest: &str) -> Package {
        let component = self.component();
        Package::from_bytes(manifest, component, ComponentHash::of(component))
            .unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }
}
