//! The `.cargo/config.toml` with which a capsule's folder builds wherever it was copied to.
//!
//! Three things are in it: where the crate `astrid-sdk` is, the profile that guests are built with, and the choice
//! of `getrandom`'s backend. Cargo reads it for `cargo test` in the folder too. Where the crate is a member of a
//! workspace, a file of ours at its root says where the SDK is, so that cargo works there as well.
//!
//! A workspace whose patterns would take that file's folder for a member gets none: cargo would find no crate in it.
//! A workspace that patches `astrid-sdk` itself is left alone, and so are symbolic links and the configuration of all
//! the user's crates: cargo is then given as arguments what is missing, and the author is told what cargo alone needs.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item};

use super::cargo_config::global_folders;
use super::files::{canonical, parse_toml, read_if_there, write_atomically};
use super::members;
use super::settings::{PROFILE, Wanted, with_patch};
use super::toolchain::workspace_manifest;
use super::{AuthoringError, Result};

/// What stands above the settings in a file that we make.
const HEADER: &str = "\
# Made by `astrid`, which keeps it up to date: where the SDK is on this machine and how a capsule is compiled.
# What you add stays.

";

/// The same at the root of a workspace.
const ROOT_HEADER: &str = "\
# Made by `astrid`, which keeps it up to date: where the SDK of this workspace's capsules is on this machine.
# What you add stays.

";

/// The folder of a configuration.
const CARGO: &str = ".cargo";

/// What a file of ours begins with.
const MADE: &str = "# Made by `astrid`";

/// What came of [`configure`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configured {
    /// The files that were made or changed.
    pub written: Vec<PathBuf>,
    /// What cargo is to be told on its command line, because no file says it.
    pub arguments: Vec<String>,
    /// Where cargo alone cannot find the SDK, why, and the lines that help: for the author, several lines.
    pub advice: Option<String>,
}

/// Lets the crate in `folder` build against the SDK that lies in `sdk` (what [`Sdk::unpack_into`] returned):
/// writes or edits its `.cargo/config.toml`, unless its workspace takes care of that. A file is replaced at once, and
/// only if something changes. Nothing is written through a symbolic link, or into cargo's configuration of all the
/// user's crates.
///
/// [`Sdk::unpack_into`]: super::Sdk::unpack_into
///
/// # Errors
/// [`AuthoringError::Toml`] and [`AuthoringError::TomlShape`] for a file that cannot be understood, which is then
/// left as it is; [`AuthoringError::NotUtf8`], [`AuthoringError::Workspace`], [`AuthoringError::NoRust`],
/// [`AuthoringError::File`].
pub fn configure(folder: &Path, sdk: &Path) -> Result<Configured> {
    configure_beside(folder, sdk, &global_folders())
}

/// The same, where cargo's configuration of all crates is in one of the `global` folders.
fn configure_beside(folder: &Path, sdk: &Path, global: &[PathBuf]) -> Result<Configured> {
    let folder = canonical(folder)?;
    let root_path = workspace_manifest(&folder)?;
    let root_folder = root_path.parent().unwrap_or(&folder);
    let root = read_toml(&root_path)?;
    let mut authors_profile = profile_keys(&root);
    let of_root = (root_folder != folder)
        .then(|| ConfigFile::of(root_folder))
        .transpose()?;
    let of_author = of_root.as_ref().filter(|file| !file.is_ours());
    if patches_sdk(&root) || of_author.is_some_and(|file| patches_sdk(&file.document)) {
        if let Some(file) = &of_root {
            authors_profile.extend(profile_keys(&file.document));
        }
        let wanted = Wanted {
            sdk_crate: None,
            authors_profile,
        };
        return Ok(Configured {
            arguments: wanted.arguments(),
            ..Configured::default()
        });
    }

    let manifest = read_toml(&folder.join("Cargo.toml"))?;
    let sdk_crate = canonical(sdk)?.join("sdk");
    let Some(sdk_path) = sdk_crate.to_str() else {
        return Err(AuthoringError::NotUtf8 { path: sdk_crate });
    };
    let sdk_crate = takes_carried_sdk(&manifest, &root).then_some(sdk_path);
    let mut wanted = Wanted {
        sdk_crate,
        authors_profile,
    };
    let mut configured = Configured::default();

    let own = ConfigFile::of(&folder)?;
    if let Some(reason) = own.untouchable(global) {
        wanted.authors_profile.extend(profile_keys(&own.document));
        wanted.sdk_crate = sdk_crate.filter(|_| !patches_sdk(&own.document));
        configured.arguments = wanted.arguments();
        let advice = |sdk| advice(&own.path, reason, &root_path, sdk);
        configured.advice = wanted.sdk_crate.map(advice);
    } else {
        let text = wanted.within(&own.path, own.text_or(HEADER))?;
        configured.written.extend(own.replace(&text)?);
    }

    if let (Some(file), Some(sdk_crate)) = (of_root, sdk_crate) {
        let reason = file
            .untouchable(global)
            .or_else(|| file.is_shared().then_some("is not of `astrid`'s making"));
        match reason {
            Some(reason) => {
                configured.advice = Some(advice(&file.path, reason, &root_path, sdk_crate));
            }
            None if file.text.is_none() && members::would_include(&root, CARGO) => {
                configured.advice = Some(advice_of_none(&file.path, &root_path, sdk_crate));
            }
            None => {
                let text = with_patch(&file.path, file.text_or(ROOT_HEADER), sdk_crate)?;
                configured.written.extend(file.replace(&text)?);
            }
        }
    }
    Ok(configured)
}

/// What the author can do for cargo to find the SDK where no configuration of ours says it.
fn advice(config: &Path, reason: &str, root: &Path, sdk_crate: &str) -> String {
    let why = format!("{} {reason} and stays as it is", config.display());
    lines_for(root, &why, "it or to ", sdk_crate)
}

/// The same where the workspace would take the configuration's folder for a member.
fn advice_of_none(config: &Path, root: &Path, sdk_crate: &str) -> String {
    let why = format!(
        "{} is not made: the patterns of the workspace would name its folder as a member, in which cargo finds no \
         crate",
        config.display()
    );
    let lines = lines_for(root, &why, "", sdk_crate);
    format!(
        "{lines}\nor to its [workspace], and `astrid build` makes the file:\n\nexclude = [{CARGO:?}]\n"
    )
}

/// Why, and the lines that are to be added to the manifest `root`, or elsewhere.
fn lines_for(root: &Path, why: &str, elsewhere: &str, sdk_crate: &str) -> String {
    let folder = root.parent().unwrap_or(root);
    let path = toml_edit::Value::from(sdk_crate);
    format!(
        "{why}. For cargo to find astrid-sdk in {} without `astrid build`, add to {elsewhere}{}:\n\n\
         [patch.crates-io]\nastrid-sdk = {{ path = {path} }}\n",
        folder.display(),
        root.display(),
    )
}

/// A folder's cargo configuration, there or not.
struct ConfigFile {
    path: PathBuf,
    text: Option<String>,
    document: DocumentMut,
}

impl ConfigFile {
    fn of(folder: &Path) -> Result<Self> {
        let path = config_path(folder);
        let text = read_if_there(&path)?;
        let document = parse_toml(&path, text.as_deref().unwrap_or_default())?;
        Ok(Self {
            path,
            text,
            document,
        })
    }

    /// What it says; what a new one begins with, if it isn't there.
    fn text_or<'a>(&'a self, header: &'a str) -> &'a str {
        self.text.as_deref().unwrap_or(header)
    }

    fn is_ours(&self) -> bool {
        let text = self.text.as_deref();
        text.is_some_and(|text| text.trim_start_matches('\u{feff}').starts_with(MADE))
    }

    /// Whether git may track it: what is about this machine is not for it.
    fn is_shared(&self) -> bool {
        !self.is_ours() && self.path.parent().is_some_and(Path::exists)
    }

    /// Why it must not be written, if so.
    fn untouchable(&self, global: &[PathBuf]) -> Option<&'static str> {
        let folder = self.path.parent()?;
        if self.path.is_symlink() || folder.is_symlink() {
            return Some("is behind a symbolic link");
        }
        let is_global = global.iter().any(|global| global == folder);
        is_global.then_some("is the configuration of all your crates")
    }

    /// Writes another text into it, unless it has that text. Git ignores what is in a folder that is made for it.
    fn replace(&self, text: &str) -> Result<Option<PathBuf>> {
        if self.text.as_deref() == Some(text) {
            return Ok(None);
        }
        if let Some(folder) = self.path.parent() {
            ignore_if_made(folder)?;
        }
        write_atomically(&self.path, text.as_bytes())?;
        Ok(Some(self.path.clone()))
    }
}

/// Whether a manifest or a configuration says where `astrid-sdk` is.
fn patches_sdk(document: &DocumentMut) -> bool {
    document
        .get("patch")
        .and_then(Item::as_table_like)
        .is_some_and(|sources| {
            sources
                .iter()
                .any(|(_, crates)| crates.get("astrid-sdk").is_some())
        })
}

/// Whether a crate would take its `astrid-sdk` from the registry in the version that we carry, hence from us. One
/// that asks for a published version, or names a place, gets what it asks for. One that does not name it may have it
/// through a crate of the author's own, which is not in the registry; cargo warns of a patch that nobody uses.
///
/// A version that is inherited stands in the manifest of the workspace's root.
fn takes_carried_sdk(manifest: &DocumentMut, root: &DocumentMut) -> bool {
    let has =
        |dependency: &Item, keys: &[&str]| keys.iter().any(|key| dependency.get(key).is_some());
    let dependencies = manifest.get("dependencies").and_then(Item::as_table_like);
    let Some(dependency) = dependencies.and_then(|all| all.get("astrid-sdk")) else {
        return dependencies.is_some_and(|all| {
            all.iter()
                .any(|(_, one)| has(one, &["path", "git", "workspace", "package"]))
        });
    };
    let is_inherited = dependency.get("workspace").and_then(Item::as_bool) == Some(true);
    let of_workspace = root
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies")?.get("astrid-sdk"))
        .filter(|_| is_inherited);
    let dependency = of_workspace.unwrap_or(dependency);
    if has(dependency, &["path", "git", "registry"]) {
        return false;
    }
    let asked = dependency
        .as_str()
        .or_else(|| dependency.get("version").and_then(Item::as_str));
    let asked = asked.and_then(|version| semver::VersionReq::parse(version).ok());
    let carried = semver::Version::parse(env!("CARGO_PKG_VERSION")).ok();
    match (asked, carried) {
        (Some(asked), Some(carried)) => asked.matches(&carried),
        _ => true,
    }
}

fn profile_keys(document: &DocumentMut) -> Vec<String> {
    document
        .get("profile")
        .and_then(|profiles| profiles.get(PROFILE))
        .and_then(Item::as_table_like)
        .map(|profile| profile.iter().map(|(key, _)| key.to_owned()).collect())
        .unwrap_or_default()
}

/// A document; an empty one where there is no file.
fn read_toml(path: &Path) -> Result<DocumentMut> {
    parse_toml(path, &read_if_there(path)?.unwrap_or_default())
}

/// The file that cargo reads: of two, the one without an extension.
fn config_path(folder: &Path) -> PathBuf {
    let old = folder.join(".cargo/config");
    if old.is_file() {
        old
    } else {
        folder.join(".cargo/config.toml")
    }
}

/// Makes the folder; if it was not there, git ignores all that is in it, for it is about this machine.
fn ignore_if_made(folder: &Path) -> Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => write_atomically(&folder.join(".gitignore"), b"*\n"),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(AuthoringError::io("create", folder)(error)),
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
