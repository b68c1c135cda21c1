//! `.capsule` archives: a gzipped tar, unpacked into a folder that is only looked at when all of it is there.
//!
//! Only plain files and folders with plain relative names are taken, and only so many: a link, an absolute path, a
//! `..`, a name twice, or more than the limits refuses the archive whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, Entry, EntryType};

use super::{Package, PackageError, source};

/// Most entries of an archive.
pub const ARCHIVE_ENTRIES: usize = 4_096;
/// Most bytes of an archive when unpacked, headers and padding included: 256 MiB.
pub const ARCHIVE_BYTES: u64 = 256 << 20;

/// A package, with the temporary folder that its other files are in.
pub(super) fn open(path: &Path) -> Result<Package, PackageError> {
    let folder = tempfile::Builder::new()
        .prefix("astrid-unpacked-")
        .tempdir()
        .map_err(|source| PackageError::Io {
            doing: "make a temporary folder for",
            path: path.to_owned(),
            source,
        })?;
    unpack(path, folder.path())?;
    let mut package = source::folder(folder.path())?;
    package.unpacked = Some(std::sync::Arc::new(folder));
    Ok(package)
}

fn unpack(path: &Path, into: &Path) -> Result<(), PackageError> {
    let refused = |reason: String| PackageError::Archive {
        path: path.to_owned(),
        reason,
    };
    let file = File::open(path).map_err(|source| PackageError::Io {
        doing: "read",
        path: path.to_owned(),
        source,
    })?;
    // One byte more than is allowed shows that there is more.
    let bytes = GzDecoder::new(file).take(ARCHIVE_BYTES + 1);
    let mut archive = Archive::new(bytes);
    let damaged = |error: io::Error| refused(format!("it is damaged, or no gzipped tar: {error}"));
    // Raw: an extension header (a long name, a global setting) is an entry of its own kind, and so refused.
    let entries = archive.entries().map_err(damaged)?.raw(true);
    let mut count = 0;
    for entry in entries {
        count += 1;
        if count > ARCHIVE_ENTRIES {
            return Err(refused(format!(
                "it has more than {ARCHIVE_ENTRIES} entries"
            )));
        }
        let mut entry = entry.map_err(damaged)?;
        put(&mut entry, into).map_err(refused)?;
    }
    let mut bytes = archive.into_inner();
    // What follows the end mark counts too, and its checksum is checked by reading it.
    io::copy(&mut bytes, &mut io::sink()).map_err(damaged)?;
    if bytes.limit() == 0 {
        return Err(refused(format!(
            "it unpacks to more than {ARCHIVE_BYTES} bytes"
        )));
    }
    Ok(())
}

/// Puts one entry below `into`; the error says what is wrong with it.
fn put(entry: &mut Entry<'_, impl Read>, into: &Path) -> Result<(), String> {
    let name = plain_name(&entry.path_bytes())?;
    let shown = name.display().to_string();
    let target = into.join(&name);
    let failed = |error: io::Error| format!("{shown}: {error}");
    match entry.header().entry_type() {
        EntryType::Directory => fs::create_dir_all(target).map_err(failed),
        EntryType::Regular => {
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder).map_err(failed)?;
            }
            // New: a name twice, in whatever spelling the file system takes for the same, is refused.
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&target)
                .map_err(failed)?;
            let size = entry.size();
            let copied = io::copy(entry, &mut file).map_err(failed)?;
            if copied == size {
                Ok(())
            } else {
                Err(format!("{shown}: it ends after {copied} of {size} bytes"))
            }
        }
        EntryType::Symlink | EntryType::Link => Err(format!("{shown} is a link")),
        other => Err(format!(
            "{shown} is neither a file nor a folder ({other:?})"
        )),
    }
}

/// A relative name of plain parts.
fn plain_name(bytes: &[u8]) -> Result<PathBuf, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "a name is not UTF-8".to_owned())?;
    let mut name = PathBuf::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(part) => name.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err(format!("{text:?} leads out of the archive")),
            Component::RootDir | Component::Prefix(_) => {
                return Err(format!("{text:?} is absolute"));
            }
        }
    }
    if text.contains('\0') || text.contains('\\') {
        return Err(format!("{text:?} is no plain name"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    const MANIFEST: &[u8] = b"[package]\nname = \"demo\"\nversion = \"1.0.0\"\n";

    /// An archive of these entries: kind, name, content.
    fn archive(entries: &[(EntryType, &[u8], &[u8])]) -> Vec<u8> {
        let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (kind, name, content) in entries {
            let mut header = Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            // Written as it is: `set_path` would refuse what a hostile archive has.
            header.as_old_mut().name[..name.len()].copy_from_slice(name);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.as_old_mut().linkname[..4].copy_from_slice(b"/etc");
            }
            header.set_cksum();
            tar.append(&header, *content).expect("appended");
        }
        tar.into_inner()
            .expect("finished")
            .finish()
            .expect("finished")
    }

    fn open_bytes(bytes: &[u8]) -> Result<Package, PackageError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("demo.capsule");
        fs::write(&path, bytes).expect("written");
        open(&path)
    }

    fn good() -> Vec<u8> {
        use EntryType::{Directory, Regular};
        archive(&[
            (Regular, b"Capsule.toml", MANIFEST),
            (Regular, b"./demo.wasm", b"component"),
            (Directory, b"wit", b""),
            (Regular, b"wit/deps/a.wit", b"package a:b;"),
        ])
    }

    fn refusal(bytes: &[u8]) -> String {
        match open_bytes(bytes) {
            Err(PackageError::Archive { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plain_archive_is_a_package() {
        let package = open_bytes(&good()).expect("a package");
        assert_eq!(
            (package.manifest().name().as_str(), package.component()),
            ("demo", &b"component"[..])
        );
    }

    #[test]
    fn links_absolute_names_and_ways_out_are_refused() {
        use EntryType::{Block, Fifo, Link, Regular, Symlink, XGlobalHeader};
        let cases: [(EntryType, &[u8], &str); 8] = [
            (Symlink, b"assets", "is a link"),
            (Link, b"assets", "is a link"),
            (Fifo, b"assets", "neither"),
            (Block, b"assets", "neither"),
            (XGlobalHeader, b"assets", "neither"),
            (Regular, b"../outside", "leads out"),
            (Regular, b"wit/../../outside", "leads out"),
            (Regular, b"/etc/passwd", "absolute"),
        ];
        for (kind, name, why) in cases {
            let reason = refusal(&archive(&[
                (EntryType::Regular, b"Capsule.toml", MANIFEST),
                (kind, name, b""),
            ]));
            assert!(
                reason.contains(why),
                "{}: {reason}",
                String::from_utf8_lossy(name)
            );
        }
    }

    #[test]
    fn a_name_twice_is_refused() {
        let twice = archive(&[
            (EntryType::Regular, b"a", b"1"),
            (EntryType::Regular, b"./a", b"2"),
        ]);
        assert!(refusal(&twice).contains('a'));
    }

    #[test]
    fn bombs_are_refused() {
        let many: Vec<_> = (0..=ARCHIVE_ENTRIES)
            .map(|at| format!("f{at}").into_bytes())
            .collect();
        let many: Vec<_> = many
            .iter()
            .map(|name| (EntryType::Regular, name.as_slice(), &b""[..]))
            .collect();
        assert!(refusal(&archive(&many)).contains("entries"));
        let zeros = vec![0; 64 << 20];
        let names: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
        let large: Vec<_> = names
            .map(|name| (EntryType::Regular, name, zeros.as_slice()))
            .to_vec();
        let reason = refusal(&archive(&large));
        assert!(
            reason.contains("bytes") || reason.contains("damaged"),
            "{reason}"
        );
    }

    #[test]
    fn an_archive_cut_anywhere_is_refused() {
        let whole = good();
        for end in 0..whole.len() {
            assert!(
                open_bytes(&whole[..end]).is_err(),
                "cut at {end} of {}",
                whole.len()
            );
        }
    }
}
