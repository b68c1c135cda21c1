//! `.capsule` archives: a gzipped tar, unpacked into a folder that is only looked at when all of it is there.
//!
//! Only plain files and folders with plain relative names are taken, and only so many: a link, an absolute path, a
//! `..`, a name twice, an extension of the format, something after its end, or more than the limits refuses the
//! archive whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::GzDecoder;
use tar::{Archive, Entry, EntryType};

use super::{Package, PackageError, source};
use crate::files::FileError;
pub use crate::limits::package::{ARCHIVE_BYTES, ARCHIVE_ENTRIES};
use crate::temporary::Temporary;

/// A package, with the temporary folder that its other files are in.
pub(super) fn open(path: &Path) -> Result<Package, PackageError> {
    let folder = Temporary::new().map_err(FileError::at("make a temporary folder for", path))?;
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
    let file = File::open(path).map_err(FileError::at("read", path))?;
    // One byte more than is allowed shows that there is more.
    let bytes = GzDecoder::new(BufReader::new(file)).take(ARCHIVE_BYTES + 1);
    let mut archive = Archive::new(bytes);
    let damaged = |error: io::Error| refused(format!("it is damaged, or no gzipped tar: {error}"));
    // Raw: an extension header (a long name, a global setting) is an entry of its own kind, and so refused.
    let entries = archive.entries().map_err(damaged)?.raw(true);
    let too_large = || refused(format!("it unpacks to more than {ARCHIVE_BYTES} bytes"));
    let (mut count, mut left) = (0, ARCHIVE_BYTES);
    for entry in entries {
        count += 1;
        if count > ARCHIVE_ENTRIES {
            return Err(refused(format!(
                "it has more than {ARCHIVE_ENTRIES} entries"
            )));
        }
        let mut entry = entry.map_err(damaged)?;
        // Said before any of it is written.
        left = left.checked_sub(entry.size()).ok_or_else(too_large)?;
        put(&mut entry, into).map_err(refused)?;
    }
    let mut bytes = archive.into_inner();
    // What follows the end mark counts too, and its checksum is checked by reading it.
    io::copy(&mut bytes, &mut io::sink()).map_err(damaged)?;
    if bytes.limit() == 0 {
        return Err(too_large());
    }
    // Another tool may go on reading there, and see other files than we did.
    let mut rest = bytes.into_inner().into_inner();
    if !rest.fill_buf().map_err(damaged)?.is_empty() {
        return Err(refused("something follows its end".into()));
    }
    Ok(())
}

/// Puts one entry below `into`; the error says what is wrong with it.
fn put(entry: &mut Entry<'_, impl Read>, into: &Path) -> Result<(), String> {
    let name = plain_name(&entry.path_bytes())?;
    let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
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
    use std::io::Write;

    use flate2::write::GzEncoder;
    use flate2::{Compress, Compression, FlushCompress};
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
        use EntryType::{Link, Regular, Symlink};
        let cases: [(EntryType, &[u8], &str); 10] = [
            (Symlink, b"assets", "is a link"),
            (Link, b"assets", "is a link"),
            (Regular, b"../outside", "leads out"),
            (Regular, b"wit/../../outside", "leads out"),
            (EntryType::Directory, b"..", "leads out"),
            (Regular, b"/etc/passwd", "absolute"),
            (EntryType::Directory, b"/", "absolute"),
            (Regular, b"wit\\..\\a", "no plain name"),
            (Regular, b"wit/\xff", "not UTF-8"),
            (Regular, b".", "."),
        ];
        for (kind, name, why) in cases {
            let reason = refusal(&archive(&[
                (Regular, b"Capsule.toml", MANIFEST),
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
    fn nothing_but_plain_files_and_folders_is_taken() {
        use EntryType::{
            Block, Char, Continuous, Fifo, GNULongLink, GNULongName, GNUSparse, XGlobalHeader,
            XHeader,
        };
        let kinds = [
            Fifo,
            Block,
            Char,
            Continuous,
            // Extensions that name, size or shape the entry after them.
            GNULongName,
            GNULongLink,
            GNUSparse,
            XHeader,
            XGlobalHeader,
            // A volume's label, and one that nobody defines.
            EntryType::new(b'V'),
            EntryType::new(b'?'),
        ];
        for kind in kinds {
            let entries: [(EntryType, &[u8], &[u8]); 3] = [
                (EntryType::Regular, b"Capsule.toml", MANIFEST),
                (kind, b"assets", b"18 path=../outside\n"),
                (EntryType::Regular, b"demo.wasm", b"component"),
            ];
            let reason = refusal(&archive(&entries));
            assert!(reason.contains("assets is neither"), "{kind:?}: {reason}");
        }
    }

    /// An archive of one file, whose header says of its size what `size` writes.
    fn sized(size: impl Fn(&mut Header)) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_path("Capsule.toml").expect("short");
        size(&mut header);
        header.set_cksum();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(header.as_bytes()).expect("written");
        gzip.write_all(&[0; 1024]).expect("written");
        gzip.finish().expect("finished")
    }

    #[test]
    fn a_size_that_lies_is_refused() {
        for size in [
            1025,
            1 << 20,
            ARCHIVE_BYTES,
            1 << 40,
            u64::MAX - 511,
            u64::MAX,
        ] {
            // Above 8 GiB it is written in binary, an extension that the reader knows.
            let reason = refusal(&sized(|header| header.set_size(size)));
            assert!(!reason.is_empty(), "{size}");
        }
        let reason = refusal(&sized(|header| header.as_old_mut().size = *b"-00000000001"));
        assert!(reason.contains("damaged"), "{reason}");
    }

    #[test]
    fn what_follows_the_end_is_refused() {
        let whole = good();
        for rest in [&b"\0"[..], b"garbage", &whole, &[0; 1024]] {
            let reason = refusal(&[&whole, rest].concat());
            assert!(reason.contains("follows its end"), "{reason}");
        }
    }

    #[test]
    fn an_archive_with_any_byte_changed_is_refused_or_means_the_same() {
        let whole = good();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x20;
            match open_bytes(&changed) {
                // A time in the header, or zeros that are taken from elsewhere.
                Ok(package) => assert_eq!(
                    (package.manifest().name().as_str(), package.component()),
                    ("demo", &b"component"[..]),
                    "changed at {at}"
                ),
                Err(error) => assert!(matches!(error, PackageError::Archive { .. }), "{error:?}"),
            }
        }
    }

    #[test]
    fn nothing_of_a_refused_archive_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("demo.capsule");
        let into = folder.path().join("into");
        fs::create_dir(&into).expect("made");
        let entries: [(EntryType, &[u8], &[u8]); 2] = [
            (EntryType::Regular, b"Capsule.toml", MANIFEST),
            (EntryType::Regular, b"../outside", b"1"),
        ];
        fs::write(&path, archive(&entries)).expect("written");
        assert!(unpack(&path, &into).is_err());
        assert!(!folder.path().join("outside").exists());
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
        use EntryType::{Directory, Regular};
        let many = vec![(Directory, &b"assets"[..], &b""[..]); ARCHIVE_ENTRIES + 1];
        assert!(refusal(&archive(&many)).contains("entries"));
        // Not more than that, and the manifest is what is missing.
        let most = open_bytes(&archive(&many[1..]));
        assert!(
            matches!(most, Err(PackageError::NoManifest { .. })),
            "{most:?}"
        );
        let half = 1 + (ARCHIVE_BYTES >> 1);
        // In one entry, in two, and after the end mark, where it is no entry at all.
        let bombs = [
            bomb(&[(Regular, ARCHIVE_BYTES + 1)], 0),
            bomb(&[(Directory, half), (Regular, half)], 129),
            bomb(&[], 257),
        ];
        for bomb in bombs {
            assert!(bomb.len() < 2 << 20, "{} bytes", bomb.len());
            let reason = refusal(&bomb);
            assert!(reason.contains("more than"), "{reason}");
        }
    }

    /// An archive of empty-looking entries of these sizes, then mebibytes of zeros. One of these is compressed once
    /// and repeated: each begins with nothing to refer back to.
    fn bomb(entries: &[(EntryType, u64)], mebibytes: usize) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        for (at, (kind, size)) in entries.iter().enumerate() {
            let mut header = Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_path(format!("f{at}")).expect("short");
            header.set_size(*size);
            header.set_cksum();
            gzip.write_all(header.as_bytes()).expect("written");
            gzip.flush().expect("written");
            if at + 1 < entries.len() {
                // Up to the next header, which is on a block's border.
                let mut zeros = io::repeat(0).take(size.next_multiple_of(512));
                io::copy(&mut zeros, &mut gzip).expect("written");
            }
        }
        gzip.flush().expect("written");
        let mut bomb = gzip.get_ref().clone();
        let mut zeros = Compress::new(Compression::fast(), false);
        let mut mebibyte = Vec::with_capacity(64 << 10);
        zeros
            .compress_vec(&vec![0; 1 << 20], &mut mebibyte, FlushCompress::Full)
            .expect("compressed");
        for _ in 0..mebibytes {
            bomb.extend_from_slice(&mebibyte);
        }
        bomb
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
