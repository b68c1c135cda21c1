//! `astrid build`: cargo, then a component, then an archive.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use astrid_host::package::{Package, PackageError, component, manifest_in};

use super::archive::write_archive;
use super::cargo::{clean, compile};
use super::componentize::{Sources, componentize};
use super::config::configure;
use super::facts::CapsuleCrate;
use super::files::{canonical, require_utf8, write_atomically};
use super::options::BuildOptions;
use super::toolchain::require_wasm_target;
use super::{AuthoringError, Result};

/// Where a build's results are, within the crate's folder, whatever target folder cargo was told to use.
pub const OUTPUT_FOLDER: &str = "target/astrid";

/// What a build made.
#[derive(Debug, Clone)]
pub struct Built {
    /// `target/astrid/<name>.wasm`: the component.
    pub component: PathBuf,
    /// `target/astrid/<name>.capsule`: what is given to others.
    pub archive: PathBuf,
    /// The component's bytes, as they are in the file.
    pub component_bytes: Vec<u8>,
    /// What the author can do for cargo to find the SDK without `astrid build`, where it wouldn't: several lines.
    pub advice: Option<String>,
    /// How long it took, cargo included.
    pub elapsed: Duration,
}

/// Builds the capsule whose crate is in `folder`. What cargo and the compiler say goes to this process's standard
/// error as they say it; standard output is not touched.
///
/// # Errors
/// Nearly every [`AuthoringError`]; each says what to do.
pub fn build(folder: &Path, options: &BuildOptions) -> Result<Built> {
    let started = Instant::now();
    let capsule = CapsuleCrate::read(folder)?;
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        require_utf8(Path::new(&target))?;
    }
    require_wasm_target(&capsule.folder)?;
    let configured = configure(&capsule.folder, &options.sdk)?;
    let (core, bytes) = module(&capsule, options, &configured.arguments)?;
    let component_bytes =
        componentize(&bytes).map_err(|source| AuthoringError::Componentize { core, source })?;

    let output = capsule.folder.join(OUTPUT_FOLDER);
    fs::create_dir_all(&output).map_err(AuthoringError::io("create", &output))?;
    let component = output.join(format!("{}.wasm", capsule.facts.name));
    let archive = output.join(format!("{}.capsule", capsule.facts.name));
    write_atomically(&component, &component_bytes)?;
    write_archive(&capsule.folder, &capsule.facts, &component_bytes, &archive)?;
    Ok(Built {
        component,
        archive,
        component_bytes,
        advice: configured.advice,
        elapsed: started.elapsed(),
    })
}

/// Has cargo make the core module of the crate, and reads it.
///
/// Cargo keeps what it made of libraries of one name in one place, and takes it for up to date though another crate's
/// build has replaced it, or the same crate's as a library of a capsule elsewhere. So the module says of which crates
/// it was made, and what was not made for this build is made anew, once.
fn module(
    capsule: &CapsuleCrate,
    options: &BuildOptions,
    arguments: &[String],
) -> Result<(PathBuf, Vec<u8>)> {
    let made = || {
        let core = compile(capsule, options, arguments)?;
        let bytes = fs::read(&core).map_err(AuthoringError::io("read", &core))?;
        Ok::<_, AuthoringError>((core, bytes))
    };
    let (core, bytes) = made()?;
    let stale = stale_packages(&bytes, capsule);
    if stale.is_empty() {
        return Ok((core, bytes));
    }
    clean(capsule, options, arguments, &stale);
    let (core, bytes) = made()?;
    match other_crate(&Sources::of(&bytes), &capsule.folder) {
        None => Ok((core, bytes)),
        Some(other) => Err(AuthoringError::OtherModule {
            core,
            folder: capsule.folder.clone(),
            other,
        }),
    }
}

/// The packages that have to be compiled anew for the module to be this capsule's alone.
fn stale_packages(core: &[u8], capsule: &CapsuleCrate) -> Vec<String> {
    let sources = Sources::of(core);
    let mut packages = Vec::new();
    if other_crate(&sources, &capsule.folder).is_some() {
        packages.push(capsule.crate_name.clone());
    }
    if sources.with_entry_points.len() > 1 {
        let named = sources.with_entry_points.into_iter();
        packages.extend(named.filter(|name| !name.is_empty()));
    }
    packages
}

/// The folder of the crate that a module was made of, if it isn't this one, or this one as a library. A module that
/// doesn't say is taken.
fn other_crate(sources: &Sources, folder: &Path) -> Option<PathBuf> {
    let is_ours = |found: &String| {
        let found = PathBuf::from(found);
        canonical(&found).unwrap_or(found) == folder
    };
    let made_of = sources.finals.iter().chain(&sources.libraries).next()?;
    (!sources.finals.iter().any(is_ours)).then(|| PathBuf::from(made_of))
}

/// The package of a crate as its last build left it: with the component in [`OUTPUT_FOLDER`], or, where there is
/// none, with the one that its manifest names. Nothing is built, and nothing of the crate is run.
///
/// # Errors
/// [`PackageError::NoComponent`] if it was never built; [`PackageError`].
pub fn last_build(folder: &Path) -> Result<Package, PackageError> {
    let parsed = manifest_in(folder)?;
    let name = parsed.manifest.name();
    let built = folder.join(OUTPUT_FOLDER).join(format!("{name}.wasm"));
    match component(&built) {
        Err(PackageError::NoComponent { .. }) => Package::from_folder(folder),
        bytes => Package::from_build(folder, bytes?),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::CapsuleFacts;
    use super::*;

    fn crate_in(folder: &Path, file: &str) {
        let text = format!(
            "[package]\nname = \"mine\"\nversion = \"0.1.0\"\n[[component]]\nfile = \"{file}\"\n"
        );
        fs::write(folder.join("Capsule.toml"), text).unwrap();
    }

    #[test]
    fn the_last_build_is_what_lies_in_the_output_folder_or_what_the_manifest_names() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        crate_in(folder, "given.wasm");
        assert!(matches!(
            last_build(folder),
            Err(PackageError::NoComponent { .. })
        ));
        fs::write(folder.join("given.wasm"), "given").unwrap();
        assert_eq!(last_build(folder).unwrap().component(), b"given");
        fs::create_dir_all(folder.join(OUTPUT_FOLDER)).unwrap();
        fs::write(folder.join(OUTPUT_FOLDER).join("mine.wasm"), "built").unwrap();
        assert_eq!(last_build(folder).unwrap().component(), b"built");
    }

    #[test]
    fn a_module_of_another_crate_is_not_packed() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let [mine, other] = ["a/mine", "b/mine"].map(|path| place.join(path));
        for folder in [&mine, &other] {
            fs::create_dir_all(folder).unwrap();
        }
        let capsule = CapsuleCrate {
            folder: mine.clone(),
            crate_name: "mine".to_owned(),
            facts: CapsuleFacts {
                name: "mine".to_owned(),
                component_file: "mine.wasm".to_owned(),
            },
        };
        let stale = |roles: &[(&str, &Path)], crates: &[&str]| {
            let roles = roles
                .iter()
                .map(|(role, of)| format!("{role} {}\n", of.display()));
            let crates = crates
                .iter()
                .map(|name| format!(r#"{{"v":1,"crate":"{name}"}}"#));
            let mut module = wasm_encoder::Module::new();
            for (name, data) in [
                ("astrid:source", roles.collect::<String>()),
                ("astrid:exports", crates.collect()),
            ] {
                module.section(&wasm_encoder::CustomSection {
                    name: name.into(),
                    data: data.as_bytes().into(),
                });
            }
            stale_packages(&module.finish(), &capsule)
        };
        let nothing: [&str; 0] = [];
        assert_eq!(stale(&[("final", &mine)], &["mine"]), nothing);
        assert_eq!(stale(&[], &["mine"]), nothing, "it doesn't say");
        assert_eq!(
            stale(&[("library", &other), ("final", &mine)], &["mine"]),
            nothing
        );
        assert_eq!(stale(&[("final", &other)], &["mine"]), ["mine"]);
        assert_eq!(stale(&[("library", &mine)], &[]), ["mine"]);
        assert_eq!(
            stale(&[("final", &other), ("final", &mine)], &["lib", "mine"]),
            ["lib", "mine"]
        );
    }
}
