//! What cargo's own configuration says that a build has to know: flags which ours would outrank, and whether there is
//! a wrapper of the compiler. Files that cannot be read are left to cargo, which says what is wrong with them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Value};

use super::files::{canonical, parse_toml, read_if_there};
use super::settings::{RUSTFLAGS, rustflags_argument};
use super::toolchain::WASM_TARGET;

/// The variables that name a wrapper of the compiler.
const WRAPPERS: [&str; 2] = ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];

/// The folders in which cargo looks for the configuration of all crates of the user: `$CARGO_HOME` and `~/.cargo`.
pub(super) fn global_folders() -> Vec<PathBuf> {
    let own = env::var_os("CARGO_HOME").filter(|home| !home.is_empty());
    let of_user = env::home_dir().map(|home| {
        // The folder in it may be missing, or be a symbolic link.
        canonical(&home).unwrap_or(home).join(".cargo")
    });
    let own = own.map(PathBuf::from);
    let own = own.map(|home| canonical(&home).unwrap_or(home));
    own.into_iter().chain(of_user).collect()
}

/// The configuration that is in force in a folder.
#[derive(Debug)]
pub(super) struct CargoConfig {
    /// Nearest first: what is nearer outranks.
    files: Vec<DocumentMut>,
}

impl CargoConfig {
    /// That of the folder, of those above it, and of the user.
    pub(super) fn of(folder: &Path) -> Self {
        let above = folder.ancestors().map(|folder| folder.join(".cargo"));
        let mut folders: Vec<PathBuf> = above.collect();
        if let Some(global) = global_folders().into_iter().next()
            && !folders.contains(&global)
        {
            folders.push(global);
        }
        let files = folders.iter().filter_map(|folder| {
            // Of the two names the older one counts.
            ["config", "config.toml"].into_iter().find_map(|name| {
                let path = folder.join(name);
                let text = read_if_there(&path).ok()??;
                parse_toml(&path, &text).ok()
            })
        });
        Self {
            files: files.collect(),
        }
    }

    /// The nearest value of a key.
    pub(super) fn string(&self, table: &str, key: &str) -> Option<&str> {
        let mut values = self
            .files
            .iter()
            .map(|file| file.get(table)?.get(key)?.as_str());
        values.find_map(|value| value)
    }

    /// The setting that gives a capsule the flags of `[build] rustflags`. Cargo takes these only where the target has
    /// none, and with ours it has: so they are added to ours, unless the author has flags for the target.
    pub(super) fn build_flags(&self) -> Option<String> {
        let of_target = |file: &DocumentMut| {
            let target = file.get("target")?.get(WASM_TARGET)?;
            target.get("rustflags").cloned()
        };
        let variable = |name| env::var(name).ok();
        let for_target = without_ours(self.flags(
            of_target,
            variable("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS"),
        ));
        if !for_target.is_empty() {
            return None;
        }
        let flags = self.flags(
            |file| file.get("build")?.get("rustflags").cloned(),
            variable("CARGO_BUILD_RUSTFLAGS"),
        );
        (!flags.is_empty()).then(|| rustflags_argument(flags))
    }

    /// A list of flags as cargo joins it: what outranks comes later, the variable last.
    fn flags(
        &self,
        find: impl Fn(&DocumentMut) -> Option<Item>,
        variable: Option<String>,
    ) -> Vec<String> {
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let mut flags: Vec<String> = Vec::new();
        for item in self.files.iter().rev().filter_map(find) {
            match item.as_value() {
                Some(Value::String(text)) => flags.extend(words(text.value())),
                Some(Value::Array(array)) => {
                    flags.extend(array.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                _ => {}
            }
        }
        flags.extend(variable.as_deref().map(words).unwrap_or_default());
        flags
    }
}

/// The flags that are not ours.
fn without_ours(mut flags: Vec<String>) -> Vec<String> {
    for (_, ours) in RUSTFLAGS {
        while let Some(at) = flags.windows(ours.len()).position(|flags| flags == ours) {
            flags.drain(at..at + ours.len());
        }
    }
    flags
}

/// A wrapper of the compiler that cargo is told to start and that isn't there: who names it, and the program.
pub(super) fn missing_wrapper(config: &CargoConfig) -> Option<(String, String)> {
    let by_variable = WRAPPERS.into_iter().filter_map(|name| {
        let value = env::var_os(name)?;
        Some((name.to_owned(), value))
    });
    let mut named: Vec<(String, OsString)> = by_variable.collect();
    if env::var_os(WRAPPERS[0]).is_none()
        && let Some(program) = config.string("build", "rustc-wrapper")
        // A relative path counts from the file, which isn't known here.
        && (Path::new(program).is_absolute() || !is_path(Path::new(program)))
    {
        named.push((
            "`build.rustc-wrapper` of cargo's configuration".to_owned(),
            program.into(),
        ));
    }
    let search: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    named
        .into_iter()
        .find(|(_, program)| !program.is_empty() && !is_there(Path::new(program), &search))
        .map(|(by, program)| (by, program.to_string_lossy().into_owned()))
}

/// Whether a program can be found: by its path, or by its name in the folders of a search path.
fn is_there(program: &Path, search: &[PathBuf]) -> bool {
    if is_path(program) {
        program.is_file()
    } else {
        search.iter().any(|folder| folder.join(program).is_file())
    }
}

/// Whether a program is given by a path, not by its name alone.
fn is_path(program: &Path) -> bool {
    program.components().count() > 1
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A configuration of files, nearest first.
    fn config<const N: usize>(files: [&str; N]) -> CargoConfig {
        let files = files.into_iter().map(|text| text.parse().unwrap());
        CargoConfig {
            files: files.collect(),
        }
    }

    const OURS: &str = "[target.wasm32-unknown-unknown]\nrustflags = [\"--cfg\", 'getrandom_backend=\"custom\"']\n";

    #[test]
    fn flags_for_every_target_are_given_beside_ours() {
        let near = format!("{OURS}[build]\nrustflags = [\"-Cnear\"]\n");
        let far = "[build]\nrustflags = \"-Cfar -Cfarther\"\n";
        assert_eq!(
            config([&near, far]).build_flags().as_deref(),
            Some(r#"target.wasm32-unknown-unknown.rustflags=["-Cfar", "-Cfarther", "-Cnear"]"#)
        );
        assert_eq!(config([OURS, OURS]).build_flags(), None);
    }

    #[test]
    fn flags_for_the_target_outrank_those_for_every_target() {
        let for_target = "[target.wasm32-unknown-unknown]\nrustflags = [\"-Cof-target\"]\n";
        let far = "[build]\nrustflags = \"-Cfar\"\n";
        assert_eq!(config([OURS, for_target, far]).build_flags(), None);
    }

    #[test]
    fn a_folders_configuration_is_read_with_those_above_it() {
        let place = tempfile::tempdir().unwrap();
        let inner = place.path().join("a/b");
        fs::create_dir_all(inner.join(".cargo")).unwrap();
        fs::create_dir_all(place.path().join(".cargo")).unwrap();
        let write = |path: &str, text: &str| fs::write(place.path().join(path), text).unwrap();
        write(
            ".cargo/config.toml",
            "[build]\nrustc-wrapper = \"far\"\njobs = \"far\"\n",
        );
        write(
            "a/b/.cargo/config.toml",
            "[build]\nrustc-wrapper = \"other name\"\n",
        );
        write("a/b/.cargo/config", "[build]\nrustc-wrapper = \"near\"\n");
        let config = CargoConfig::of(&inner);
        assert_eq!(config.string("build", "rustc-wrapper"), Some("near"));
        assert_eq!(config.string("build", "jobs"), Some("far"));
    }

    #[test]
    fn a_program_is_looked_for_where_it_would_be_found() {
        let place = tempfile::tempdir().unwrap();
        let program = place.path().join("wrapper");
        fs::write(&program, "").unwrap();
        let search = [place.path().to_owned()];
        assert!(is_there(Path::new("wrapper"), &search));
        assert!(is_there(&program, &[]));
        assert!(!is_there(Path::new("wrapper"), &[]));
        assert!(!is_there(&place.path().join("none"), &search));
    }
}
