//! The `.capsule` archive: a gzipped tar of the manifest, the component and the folders that go with them.
//!
//! The same contents give the same bytes, wherever and whenever they are packed: entries are sorted, have no time,
//! no owner and one mode.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use astrid_host::manifest::CapsuleManifest;
use astrid_host::package::{ARCHIVE_BYTES, ARCHIVE_ENTRIES, MANIFEST, named_files};
use flate2::{Compression, GzBuilder};

use super::facts::CapsuleFacts;
use super::files::write_atomically;
use super::{AuthoringError, Result};

/// What of a capsule's folder goes in, where it is there.
const FOLDERS: [&str; 3] = ["wit", "assets", "skills"];

/// gzip's number for an unknown system.
const UNKNOWN_SYSTEM: u8 = 255;

/// Packs the capsule in `folder` into `archive`: `Capsule.toml`, `component` under the name that the manifest gives
/// it, `wit/`, `assets/` and `skills/`, and the files that the manifest names for models and users. The file is replaced
/// at once.
///
/// # Errors
/// [`AuthoringError::NotArchivable`] for links and paths that would leave the folder in which it is unpacked,
/// [`AuthoringError::ArchiveTooLarge`] for what a host would refuse, [`AuthoringError::File`].
pub fn write_archive(
    folder: &Path,
    facts: &CapsuleFacts,
    component: &[u8],
    archive: &Path,
) -> Result<()> {
    let mut entries = Entries {
        archive,
        bytes: 0,
        contents: BTreeMap::new(),
    };
    for name in FOLDERS {
        entries.add_tree(&folder.join(name), name)?;
    }
    let manifest = folder.join(MANIFEST);
    entries.add_file(&manifest, MANIFEST)?;
    entries.add_named(folder)?;
    entries.add(inner_path(&facts.component_file)?, component.to_owned())?;
    let packed = pack(&entries.contents).map_err(AuthoringError::io("write", archive))?;
    write_atomically(archive, &packed)
}

/// What goes in, by its path in the archive.
struct Entries<'a> {
    archive: &'a Path,
    bytes: u64,
    contents: BTreeMap<String, Vec<u8>>,
}

impl Entries<'_> {
    fn add(&mut self, path: String, contents: Vec<u8>) -> Result<()> {
        let too_large = |limit: String| {
            Err(AuthoringError::ArchiveTooLarge {
                path: self.archive.to_owned(),
                limit,
            })
        };
        self.bytes = self.bytes.saturating_add(contents.len() as u64);
        if self.bytes > ARCHIVE_BYTES {
            return too_large(format!("{} MiB", ARCHIVE_BYTES >> 20));
        }
        self.contents.insert(path, contents);
        if self.contents.len() > ARCHIVE_ENTRIES {
            return too_large(format!("{ARCHIVE_ENTRIES} files"));
        }
        Ok(())
    }

    /// The files that the manifest names for models and users, where they are there and not in already.
    fn add_named(&mut self, folder: &Path) -> Result<()> {
        let text = self
            .contents
            .get(MANIFEST)
            .map(|text| String::from_utf8_lossy(text));
        // What is wrong with a manifest is told by the check that ends a build.
        let Some(Ok(parsed)) = text.map(|text| CapsuleManifest::parse(&text, MANIFEST)) else {
            return Ok(());
        };
        for name in named_files(&parsed.manifest) {
            let path = folder.join(&name);
            if !self.contents.contains_key(&name) && fs::symlink_metadata(&path).is_ok() {
                self.add_file(&path, &name)?;
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path, name: &str) -> Result<()> {
        let refuse = |reason| {
            Err(AuthoringError::NotArchivable {
                path: path.to_owned(),
                reason,
            })
        };
        let metadata = fs::symlink_metadata(path).map_err(AuthoringError::io("read", path))?;
        if metadata.is_symlink() {
            return refuse("it is a symbolic link");
        }
        if !metadata.is_file() {
            return refuse("it is neither a file nor a folder");
        }
        if self.bytes.saturating_add(metadata.len()) > ARCHIVE_BYTES {
            // Refused with the limit's error before it is read.
            self.bytes = u64::MAX;
            return self.add(name.to_owned(), Vec::new());
        }
        let contents = fs::read(path).map_err(AuthoringError::io("read", path))?;
        self.add(name.to_owned(), contents)
    }

    /// All files below a folder, if it is there. Folders have no entries of their own.
    fn add_tree(&mut self, folder: &Path, name: &str) -> Result<()> {
        let mut pending: Vec<(PathBuf, String)> = vec![(folder.to_owned(), name.to_owned())];
        while let Some((path, name)) = pending.pop() {
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => {
                    self.add_file(&path, &name)?;
                    continue;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && path == folder => {
                    return Ok(());
                }
                Err(error) => return Err(AuthoringError::io("read", &path)(error)),
            }
            for entry in fs::read_dir(&path).map_err(AuthoringError::io("read", &path))? {
                let entry = entry.map_err(AuthoringError::io("read", &path))?.path();
                let Some(last) = entry.file_name().and_then(|last| last.to_str()) else {
                    return Err(AuthoringError::NotArchivable {
                        path: entry,
                        reason: "its name is not UTF-8",
                    });
                };
                let inner = format!("{name}/{last}");
                pending.push((entry, inner));
            }
        }
        Ok(())
    }
}

/// The component's path in the archive: what the manifest says, if it stays within the folder.
fn inner_path(written: &str) -> Result<String> {
    let refuse = |reason| {
        Err(AuthoringError::NotArchivable {
            path: PathBuf::from(written),
            reason,
        })
    };
    let mut parts = Vec::new();
    for part in Path::new(written).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => return refuse("it has a `..`"),
            Component::RootDir | Component::Prefix(_) => return refuse("it is an absolute path"),
        }
    }
    match parts.as_slice() {
        [] => refuse("it names no file"),
        [one] if one == "Capsule.toml" => refuse("it is the manifest's own name"),
        _ => Ok(parts.join("/")),
    }
}

fn pack(contents: &BTreeMap<String, Vec<u8>>) -> std::io::Result<Vec<u8>> {
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(UNKNOWN_SYSTEM)
        .write(Vec::new(), Compression::default());
    let mut tar = tar::Builder::new(gzip);
    for (path, contents) in contents {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, path, contents.as_slice())?;
    }
    tar.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn capsule() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("Capsule.toml", "[package]\n"),
            ("Cargo.toml", "not packed"),
            ("src/lib.rs", "not packed"),
            ("wit/b.wit", "b"),
            ("wit/a.wit", "a"),
            ("assets/deep/er/picture.svg", "<svg/>"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn archive(folder: &Path, file: &str) -> Result<Vec<u8>> {
        let facts = CapsuleFacts {
            name: "mine".to_owned(),
            component_file: file.to_owned(),
        };
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join("mine.capsule");
        write_archive(folder, &facts, b"\0asm", &path)?;
        Ok(fs::read(path).unwrap())
    }

    #[test]
    fn it_holds_what_belongs_in_sorted_and_nothing_else() {
        let folder = capsule();
        let bytes = archive(folder.path(), "./bin/mine.wasm").unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut found = Vec::new();
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(
                (
                    header.mtime().unwrap(),
                    header.mode().unwrap(),
                    header.uid().unwrap()
                ),
                (0, 0o644, 0)
            );
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((path, text));
        }
        let expected = [
            ("Capsule.toml", "[package]\n"),
            ("assets/deep/er/picture.svg", "<svg/>"),
            ("bin/mine.wasm", "\0asm"),
            ("wit/a.wit", "a"),
            ("wit/b.wit", "b"),
        ];
        assert_eq!(
            found,
            expected.map(|(path, text)| (path.to_owned(), text.to_owned()))
        );
    }

    #[test]
    fn what_the_manifest_names_goes_in() {
        let folder = capsule();
        let manifest = "[package]\nname = \"mine\"\nversion = \"1.0.0\"\n\
            [[context_file]]\nname = \"rules\"\nfile = \"./docs/rules.md\"\n\
            [[skill]]\nname = \"gone\"\nfile = \"docs/gone.md\"\n";
        fs::write(folder.path().join(MANIFEST), manifest).unwrap();
        fs::create_dir(folder.path().join("docs")).unwrap();
        fs::write(folder.path().join("docs/rules.md"), "Be kind.").unwrap();
        let bytes = archive(folder.path(), "mine.wasm").unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let path = |entry: std::io::Result<tar::Entry<'_, _>>| {
            entry.unwrap().path().unwrap().display().to_string()
        };
        let paths: Vec<_> = tar.entries().unwrap().map(path).collect();
        assert!(paths.contains(&"docs/rules.md".to_owned()), "{paths:?}");
        assert!(!paths.contains(&"docs/gone.md".to_owned()), "{paths:?}");
    }

    #[test]
    fn the_same_contents_give_the_same_bytes() {
        let [one, other] = [capsule(), capsule()];
        assert_eq!(
            archive(one.path(), "a.wasm").unwrap(),
            archive(other.path(), "a.wasm").unwrap()
        );
    }

    #[test]
    fn a_component_stays_within_the_folder() {
        let folder = capsule();
        for (path, reason) in [
            ("../a.wasm", "`..`"),
            ("/a.wasm", "absolute"),
            ("", "names no file"),
            ("Capsule.toml", "manifest's own"),
        ] {
            let error = archive(folder.path(), path).unwrap_err().to_string();
            assert!(error.contains(reason), "{path}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_refused_wherever_they_are() {
        for link in ["wit/link.wit", "assets/deep/folder", "skills"] {
            let folder = capsule();
            std::os::unix::fs::symlink("/etc", folder.path().join(link)).unwrap();
            let error = archive(folder.path(), "a.wasm").unwrap_err().to_string();
            assert!(
                error.contains(link) && error.contains("symbolic link"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_a_host_would_not_unpack_is_not_packed() {
        let folder = capsule();
        let huge = fs::File::create(folder.path().join("assets/huge")).unwrap();
        huge.set_len(ARCHIVE_BYTES).unwrap();
        let error = archive(folder.path(), "a.wasm").unwrap_err().to_string();
        assert!(error.contains("256 MiB"), "{error}");

        let mut entries = Entries {
            archive: Path::new("x"),
            bytes: 0,
            contents: BTreeMap::new(),
        };
        for n in 0..ARCHIVE_ENTRIES {
            entries.add(n.to_string(), Vec::new()).unwrap();
        }
        assert!(
            entries
                .add("one more".to_owned(), Vec::new())
                .unwrap_err()
                .to_string()
                .contains("4096 files")
        );
    }
}
