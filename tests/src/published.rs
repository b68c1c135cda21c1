//! The guests made with the published SDK, `tests/programs/published-<version>/<program>`, in two profiles.
//!
//! Each version is a workspace of its own with a lock file of its own, built once a process and profile.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use astrid_cli::authoring::{WASM_TARGET, componentize};
use astrid_host::Package;
use astrid_host::package::ComponentHash;

use crate::{cargo, folders};

/// What a version's folder is called before its number.
const PREFIX: &str = "published-";

/// The profiles: as capsules are shipped, and as a build in a hurry leaves them.
pub const PROFILES: [&str; 2] = ["release", "unoptimised"];

/// A guest made with the published SDK.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// The SDK's version.
    pub version: String,
    /// The program: a folder of the version's workspace.
    pub program: String,
    /// One of [`PROFILES`].
    pub profile: &'static str,
}

/// A version and a profile, and the core modules of its programs.
type Cores = BTreeMap<(String, &'static str), BTreeMap<String, PathBuf>>;

static CORES: LazyLock<Result<Cores, String>> = LazyLock::new(|| {
    let mut cores = Cores::new();
    for version in versions() {
        let folder = version_folder(&version);
        let target = folders::guests(&format!("{PREFIX}{version}"));
        for profile in PROFILES {
            let arguments = ["--locked", "--target", WASM_TARGET, "--profile", profile];
            let made = cargo::build(&folder, &target, &arguments.map(Into::into), "wasm")?;
            cores.insert((version.clone(), profile), made);
        }
    }
    Ok(cores)
});

/// Builds all of them, if this process hasn't.
///
/// # Errors
/// What cargo failed with; it has said why on standard error.
pub fn build_all() -> Result<(), String> {
    CORES.as_ref().map(drop).map_err(Clone::clone)
}

/// Every program of every version in every profile.
///
/// # Panics
/// If the folders can't be read.
pub fn all() -> Vec<Published> {
    let mut all = Vec::new();
    for version in versions() {
        for program in folders_in(&version_folder(&version)) {
            if version_folder(&version)
                .join(&program)
                .join("Cargo.toml")
                .is_file()
            {
                all.extend(PROFILES.map(|profile| Published {
                    version: version.clone(),
                    program: program.clone(),
                    profile,
                }));
            }
        }
    }
    all
}

/// The versions there are, oldest first.
fn versions() -> Vec<String> {
    folders_in(&folders::root().join("tests/programs"))
        .iter()
        .filter_map(|name| name.strip_prefix(PREFIX))
        .map(str::to_owned)
        .collect()
}

fn version_folder(version: &str) -> PathBuf {
    folders::root().join(format!("tests/programs/{PREFIX}{version}"))
}

/// The names of the folders in a folder, sorted.
fn folders_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut names: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

impl Published {
    /// Its component.
    ///
    /// # Panics
    /// If it can't be built.
    pub fn component(&self) -> Vec<u8> {
        let cores = CORES
            .as_ref()
            .unwrap_or_else(|error| panic!("the published guests can't be built: {error}"));
        let path = &cores[&(self.version.clone(), self.profile)][&self.program];
        let core = std::fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        componentize(&core).unwrap_or_else(|error| panic!("{self}: {error}"))
    }

    /// A manifest that asks for nothing.
    pub fn manifest(&self) -> String {
        format!(
            "[package]\nname = \"{}\"\nversion = \"0.1.0\"\n",
            self.program
        )
    }

    /// The manifest with the component.
    ///
    /// # Panics
    /// If it can't be built.
    pub fn package(&self) -> Package {
        let component = self.component();
        let hash = ComponentHash::of(&component);
        Package::from_bytes(&self.manifest(), component, hash)
            .unwrap_or_else(|error| panic!("{self}: {error}"))
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            program,
            profile,
        } = self;
        write!(f, "{program} by astrid-sdk {version}, {profile}")
    }
}
