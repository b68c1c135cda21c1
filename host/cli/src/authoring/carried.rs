//! What the command carries for authors: the SDK, unpacked into the home once per version, and the templates.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut};

use super::{AuthoringError, Result};

mod packed {
    include!(concat!(env!("OUT_DIR"), "/carried.rs"));
}

/// The version of the SDK is the command's own.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The file that says which contents a folder was unpacked from: BLAKE3, lower-case hex.
const MARKER: &str = ".contents";

/// What of the real `[workspace]` its two crates inherit from.
const INHERITED: [&str; 4] = ["resolver", "package", "dependencies", "lints"];

/// An example that `astrid new` copies.
#[derive(Debug, Clone)]
pub struct Template {
    /// The name of its folder, its package and its capsule.
    pub name: &'static str,
    /// Its files: path within the folder, contents.
    pub files: Vec<(&'static str, &'static [u8])>,
}

/// The templates, sorted by name.
#[must_use]
pub fn templates() -> Vec<Template> {
    let mut templates: Vec<Template> = Vec::new();
    for (path, contents) in packed::TEMPLATES {
        let Some((name, path)) = path.split_once('/') else {
            continue;
        };
        match templates.last_mut() {
            Some(last) if last.name == name => last.files.push((path, contents)),
            _ => templates.push(Template {
                name,
                files: vec![(path, contents)],
            }),
        }
    }
    templates
}

/// The SDK's crates and the contract, as a workspace of their own.
#[derive(Debug)]
pub struct Sdk<'a> {
    version: &'a str,
    files: Vec<(&'a str, Cow<'a, [u8]>)>,
}

impl Sdk<'static> {
    /// Makes sure that `<home_sdk_dir>/<version>` holds this command's SDK and returns that folder: `sdk/`,
    /// `sdk-macros/` and `wit/` lie in it. A good copy is compared and left alone, which costs as much as reading
    /// it; a missing, damaged or different one is replaced at once. Processes may do this at the same time.
    ///
    /// # Errors
    /// [`AuthoringError::File`]; [`AuthoringError::Carried`] if the command was built wrong.
    pub fn unpack_into(home_sdk_dir: &Path) -> Result<PathBuf> {
        Self::carried()?.unpack(home_sdk_dir)
    }

    fn carried() -> Result<Self> {
        let mut files = Vec::with_capacity(packed::SDK.len());
        for (path, contents) in packed::SDK {
            files.push(match *path {
                "Cargo.toml" => (*path, Cow::Owned(workspace_of_sdk(contents)?.into_bytes())),
                _ => (*path, Cow::Borrowed(*contents)),
            });
        }
        Ok(Self {
            version: VERSION,
            files,
        })
    }
}

impl Sdk<'_> {
    fn unpack(&self, home_sdk_dir: &Path) -> Result<PathBuf> {
        let place = home_sdk_dir.join(self.version);
        let fingerprint = self.fingerprint();
        if self.is_at(&place, &fingerprint) {
            return Ok(place);
        }
        create_private(home_sdk_dir)?;
        let lock_path = home_sdk_dir.join(".lock");
        let lock = fs::File::create(&lock_path).map_err(AuthoringError::io("write", &lock_path))?;
        lock.lock()
            .map_err(AuthoringError::io("lock", &lock_path))?;
        if self.is_at(&place, &fingerprint) {
            return Ok(place);
        }
        remove_leftovers(home_sdk_dir);
        let workshop = tempfile::Builder::new()
            .prefix(WORKSHOP)
            .tempdir_in(home_sdk_dir)
            .map_err(AuthoringError::io("create a folder in", home_sdk_dir))?;
        let fresh = workshop.path().join("fresh");
        self.write(&fresh, &fingerprint)?;
        if fs::symlink_metadata(&place).is_ok() {
            fs::rename(&place, workshop.path().join("replaced"))
                .map_err(AuthoringError::io("replace", &place))?;
        }
        fs::rename(&fresh, &place).map_err(AuthoringError::io("create", &place))?;
        Ok(place)
    }

    fn write(&self, folder: &Path, fingerprint: &str) -> Result<()> {
        create_private(folder)?;
        for (path, contents) in &self.files {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                create_private(parent)?;
            }
            fs::write(&path, contents).map_err(AuthoringError::io("write", &path))?;
        }
        let marker = folder.join(MARKER);
        fs::write(&marker, fingerprint).map_err(AuthoringError::io("write", &marker))
    }

    /// Whether the folder was unpacked from these contents and still has them. What else lies in it (a lock file
    /// and products of someone who ran cargo there) does no harm.
    fn is_at(&self, folder: &Path, fingerprint: &str) -> bool {
        let holds = |path: &str, expected: &[u8]| {
            fs::read(folder.join(path)).is_ok_and(|found| found == expected)
        };
        holds(MARKER, fingerprint.as_bytes())
            && self
                .files
                .iter()
                .all(|(path, contents)| holds(path, contents))
    }

    fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, contents) in &self.files {
            for part in [path.as_bytes(), contents] {
                hasher
                    .update(&(part.len() as u64).to_le_bytes())
                    .update(part);
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Begins the name of a folder in which an SDK is being unpacked.
const WORKSHOP: &str = ".unpacking-";

/// Removes what processes that were ended in the middle left behind; the caller holds the lock, so none is in use.
fn remove_leftovers(home_sdk_dir: &Path) {
    for entry in fs::read_dir(home_sdk_dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(WORKSHOP) {
            // One that stays is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Creates a folder and those above it, for the user alone.
fn create_private(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder
        .create(folder)
        .map_err(AuthoringError::io("create", folder))
}

/// The manifest of the workspace that the two crates are in when unpacked: what they inherit, and nothing of the
/// repository's other members.
fn workspace_of_sdk(repository: &[u8]) -> Result<String> {
    let damaged = |reason: String| AuthoringError::Carried {
        reason: format!("Cargo.toml: {reason}"),
    };
    let text = std::str::from_utf8(repository).map_err(|error| damaged(error.to_string()))?;
    let mut manifest: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| damaged(error.to_string()))?;
    manifest.retain(|key, _| key == "workspace");
    let workspace = manifest
        .get_mut("workspace")
        .and_then(|item| item.as_table_like_mut())
        .ok_or_else(|| damaged("no [workspace]".to_owned()))?;
    let others: Vec<String> = workspace
        .iter()
        .map(|(key, _)| key.to_owned())
        .filter(|key| !INHERITED.contains(&key.as_str()))
        .collect();
    for key in others {
        workspace.remove(&key);
    }
    workspace.insert(
        "members",
        toml_edit::value(Array::from_iter(["sdk", "sdk-macros"])),
    );
    Ok(manifest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdk(version: &'static str, contents: &'static [u8]) -> Sdk<'static> {
        Sdk {
            version,
            files: vec![
                ("Cargo.toml", Cow::Borrowed(b"[workspace]\n")),
                ("sdk/src/lib.rs", Cow::Borrowed(contents)),
            ],
        }
    }

    /// Every path below a folder, sorted.
    fn tree(folder: &Path) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                paths.extend(tree(&path));
            }
            paths.push(path);
        }
        paths.sort();
        paths
    }

    #[test]
    fn a_good_copy_is_left_alone_and_a_bad_one_replaced() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("sdk");
        let place = sdk("1.0.0", b"one").unpack(&dir).unwrap();
        assert_eq!(place, dir.join("1.0.0"));
        let file = place.join("sdk/src/lib.rs");
        let read = || fs::read(&file).unwrap();
        assert_eq!(read(), b"one");

        let witness = place.join("Cargo.lock");
        fs::write(&witness, "made by cargo").unwrap();
        sdk("1.0.0", b"one").unpack(&dir).unwrap();
        assert!(witness.exists(), "a good copy is not written again");

        fs::write(&file, "oops").unwrap();
        sdk("1.0.0", b"one").unpack(&dir).unwrap();
        assert_eq!(read(), b"one", "a changed file is put right");

        fs::remove_file(&file).unwrap();
        sdk("1.0.0", b"one").unpack(&dir).unwrap();
        assert_eq!(read(), b"one", "a missing file is put right");

        sdk("1.0.0", b"two").unpack(&dir).unwrap();
        assert_eq!(
            read(),
            b"two",
            "another build of the same version replaces it"
        );

        sdk("1.0.1", b"three").unpack(&dir).unwrap();
        assert_eq!(read(), b"two", "another version lies beside it");
    }

    #[test]
    fn leftovers_of_a_killed_process_go() {
        let home = tempfile::tempdir().unwrap();
        let leftover = home.path().join(format!("{WORKSHOP}abc"));
        fs::create_dir_all(leftover.join("fresh/sdk")).unwrap();
        sdk("1.0.0", b"one").unpack(home.path()).unwrap();
        assert!(!leftover.exists());
        let names: Vec<_> = fs::read_dir(home.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "the SDK and the lock: {names:?}");
    }

    #[test]
    fn several_at_once_agree() {
        let home = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for round in 0..4 {
                let (dir, barrier) = (home.path(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for _ in 0..20 {
                        // Two different builds of one version keep replacing each other's.
                        let contents: &[u8] = if round % 2 == 0 { b"even" } else { b"odd" };
                        sdk("1.0.0", contents).unpack(dir).unwrap();
                    }
                });
            }
        });
        let place = home.path().join("1.0.0");
        let whole = |sdk: Sdk<'_>| sdk.is_at(&place, &sdk.fingerprint());
        assert!(whole(sdk("1.0.0", b"even")) || whole(sdk("1.0.0", b"odd")));
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_private_and_files_readable() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/sdk");
        sdk("1.0.0", b"one").unpack(&dir).unwrap();
        for path in tree(&dir) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            if path.is_dir() {
                assert_eq!(mode, 0o700, "{}", path.display());
            } else {
                assert_eq!(mode & 0o400, 0o400, "{}", path.display());
            }
        }
    }

    #[test]
    fn the_unpacked_workspace_has_what_its_members_inherit_and_no_more() {
        let repository = b"\
[workspace]
resolver = \"3\"
members = [\"host\", \"sdk\"]
exclude = [\"x\"]

[workspace.package]
version = \"1.0.0\" # one for all

[workspace.dependencies]
serde = \"1\"

[workspace.lints.rust]
unsafe_code = \"deny\"

[workspace.metadata.x]
y = 1

[patch.crates-io]
astrid-sdk = { path = \"sdk\" }

[profile.dev]
debug = 1
";
        let expected = "\
[workspace]
resolver = \"3\"
members = [\"sdk\", \"sdk-macros\"]

[workspace.package]
version = \"1.0.0\" # one for all

[workspace.dependencies]
serde = \"1\"

[workspace.lints.rust]
unsafe_code = \"deny\"
";
        assert_eq!(workspace_of_sdk(repository).unwrap(), expected);
    }

    #[test]
    fn what_is_carried_is_whole() {
        let carried = Sdk::carried().unwrap();
        let paths: Vec<&str> = carried.files.iter().map(|(path, _)| *path).collect();
        for expected in [
            "Cargo.toml",
            "sdk/Cargo.toml",
            "sdk/src/lib.rs",
            "sdk-macros/src/lib.rs",
            "wit/root.wit",
        ] {
            assert!(paths.contains(&expected), "{expected} is missing");
        }
        assert!(paths.is_sorted());
        assert!(!paths.iter().any(|path| path.contains("/target/")));
        for template in templates() {
            for expected in ["Cargo.toml", "Capsule.toml", "README.md", "src/lib.rs"] {
                assert!(
                    template.files.iter().any(|(path, _)| *path == expected),
                    "{}: {expected}",
                    template.name
                );
            }
        }
        assert!(templates().iter().any(|template| template.name == "hello"));
    }
}
