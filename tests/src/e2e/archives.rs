//! `astrid install FILE.capsule`: what `astrid build` packs, and what somebody else may have packed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use astrid_e2e::command::Astrid;
use astrid_e2e::guests::Guest;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tar::{EntryType, Header};

use crate::report::{GREET, Report, error, same, verdict};

/// An archive that is well packed is installed; a hostile one is refused, and leaves nothing.
pub(crate) fn installs(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    report.chapter("Archives");
    let here = astrid.workspace();
    let plain = [
        (
            EntryType::Regular,
            "Capsule.toml",
            Guest::Hello.manifest().into_bytes(),
        ),
        (
            EntryType::Regular,
            "target/astrid/hello.wasm",
            Guest::Hello.component().to_vec(),
        ),
    ];
    let whole = packed(&plain)?;
    put(&here.join("hello.capsule"), &whole)?;
    report.ask(astrid, &["remove", "hello"], 0, |_| Ok("removed".into()));
    let install = ["install", "hello.capsule", "--yes"];
    report.ask_in(astrid, &here, &install, "", 0, |document| {
        same(&document["name"], &json!("hello"))?;
        Ok("installed".into())
    });
    let greets = || verdict("final", json!({ "greeting": "Hello, Ada!" }));
    report.ask(astrid, &GREET, 0, greets());

    report.given("another archive beside it, of the same version with other bytes");
    let mut other = plain.clone();
    // A custom section, named x: what the component does stays.
    other[1].2.extend([0, 2, 1, b'x']);
    put(&here.join("other.capsule"), &packed(&other)?)?;
    let unasked = ["install", "other.capsule"];
    report.ask_in(astrid, &here, &unasked, "", 2, error("usage", "--yes"));
    let again = ["install", "hello.capsule"];
    report.ask_in(astrid, &here, &again, "", 0, |_| {
        Ok("the same again: nothing to ask".into())
    });

    let with = |kind, name, content: &[u8]| {
        let entry = (kind, name, content.to_vec());
        packed(&[&plain[..], &[entry]].concat())
    };
    // The same folder each time, which is no mistake by itself.
    let folder = (EntryType::Directory, "assets", Vec::new());
    let many = vec![folder; astrid_host::package::ARCHIVE_ENTRIES + 1];
    let hostile = [
        (
            "a link",
            with(EntryType::Symlink, "assets", b"")?,
            "is a link",
        ),
        (
            "a hard link",
            with(EntryType::Link, "assets", b"")?,
            "is a link",
        ),
        (
            "a device",
            with(EntryType::Char, "assets", b"")?,
            "neither a file",
        ),
        (
            "a way out",
            with(EntryType::Regular, "../../out", b"1")?,
            "leads out",
        ),
        (
            "an absolute name",
            with(EntryType::Regular, "/tmp/out", b"1")?,
            "absolute",
        ),
        (
            "a name twice",
            with(EntryType::Regular, "Capsule.toml", b"")?,
            "Capsule.toml",
        ),
        (
            "a long name of GNU's",
            with(EntryType::GNULongName, "././@LongLink", b"../out")?,
            "neither a file",
        ),
        ("4,097 entries", packed(&many)?, "entries"),
        ("a size of 1 TiB", packed_as(&plain, 1 << 40)?, "bytes"),
        (
            "another archive after it",
            [&whole[..], &whole].concat(),
            "follows",
        ),
        ("half of it", whole[..whole.len() / 2].to_vec(), "unpacked"),
        ("no archive", b"#!/bin/sh".to_vec(), "damaged"),
    ];
    let before = everything(&astrid.home())?;
    for (given, bytes, saying) in hostile {
        put(&here.join("odd.capsule"), &bytes)?;
        report.given(given);
        let install = ["install", "odd.capsule", "--yes"];
        report.ask_in(astrid, &here, &install, "", 3, error("integrity", saying));
        let left = everything(&astrid.home())?
            .into_iter()
            .chain(everything(&astrid.temporary())?)
            .find(|path| !before.contains(path));
        if let Some(left) = left {
            return Err(format!("{} was left behind", left.display()));
        }
    }
    report.ask(astrid, &GREET, 0, greets());
    Ok(())
}

type Entries<'a> = [(EntryType, &'a str, Vec<u8>)];

fn packed(entries: &Entries) -> Result<Vec<u8>, String> {
    packed_as(entries, 0)
}

/// An archive of these entries, each header of which claims so many bytes more than there are.
fn packed_as(entries: &Entries, more: u64) -> Result<Vec<u8>, String> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for (kind, name, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64 + more);
        // Written as it is: the library would refuse what a hostile archive has.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.as_old_mut().linkname[..4].copy_from_slice(b"/etc");
        }
        header.set_cksum();
        let padding = content.len().next_multiple_of(512) - content.len();
        for part in [header.as_bytes(), &content[..], &vec![0; padding]] {
            gzip.write_all(part).map_err(|error| error.to_string())?;
        }
    }
    gzip.write_all(&[0; 1024])
        .map_err(|error| error.to_string())?;
    gzip.finish().map_err(|error| error.to_string())
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("{path:?}: {error}"))
}

/// All that is below a folder.
fn everything(folder: &Path) -> Result<BTreeSet<PathBuf>, String> {
    let mut open = vec![folder.to_owned()];
    let mut found = BTreeSet::new();
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{folder:?}: {error}"))?;
        for entry in entries {
            let path = entry
                .map_err(|error| format!("{folder:?}: {error}"))?
                .path();
            if path.is_dir() && !path.is_symlink() {
                open.push(path.clone());
            }
            found.insert(path);
        }
    }
    Ok(found)
}
