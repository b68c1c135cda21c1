//! Any archive is a package or refused, and nothing of it is left or lies outside its folder.
//!
//! The first byte says what the others are: a `.capsule` file; a tar, to be gzipped; or a tar whose header checksums
//! are put right first. Mutation alone would hardly ever get past a checksum.

#![no_main]

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use astrid_host::Package;
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

/// Where archives are unpacked: a folder in the middle of one of our own, so that a way out of it shows.
static OUTER: LazyLock<PathBuf> = LazyLock::new(|| {
    let outer = tempfile::tempdir().expect("a folder").keep();
    std::fs::create_dir(outer.join("inner")).expect("a folder");
    tempfile::env::override_temp_dir(&outer.join("inner")).expect("the first to ask");
    outer
});

fuzz_target!(|input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else {
        return;
    };
    let bytes = match kind % 3 {
        0 => bytes.to_vec(),
        1 => gzipped(bytes),
        _ => {
            let mut tar = bytes.to_vec();
            mend(&mut tar);
            gzipped(&tar)
        }
    };
    let file = OUTER.join("fuzzed.capsule");
    std::fs::write(&file, bytes).expect("written");
    let opened = Package::from_archive(&file);
    assert_eq!(names(""), ["fuzzed.capsule", "inner"]);
    assert_eq!(names("inner").len(), usize::from(opened.is_ok()));
    drop(opened);
    assert!(names("inner").is_empty());
});

fn names(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(OUTER.join(folder)).expect("listed");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("listed")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
}

/// Not compressed: what isn't needed to be an archive only takes time.
fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(bytes).expect("in memory");
    gzip.finish().expect("in memory")
}

/// Writes the checksum of each header, from the start to where one has no size.
fn mend(mut tar: &mut [u8]) {
    while let Some((header, rest)) = tar.split_first_chunk_mut::<512>() {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = header[124..136]
            .iter()
            .take_while(|digit| digit.is_ascii_digit());
        let size = std::str::from_utf8(&size.copied().collect::<Vec<_>>())
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 8).ok());
        let Some(next) = size.and_then(|size| rest.get_mut(size.checked_next_multiple_of(512)?..))
        else {
            return;
        };
        tar = next;
    }
}
