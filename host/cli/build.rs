//! Packs what a capsule builds against into the command, so that `astrid new` and `astrid build` work where
//! there is no checkout: the two SDK crates, the contract in `wit/`, the workspace's manifest (from which the
//! unpacked SDK's own is derived) and the examples of `capsules/`, which are the templates.
//!
//! The result is `OUT_DIR/carried.rs`, two arrays of (relative path, bytes) in the order of their paths. Build
//! products, lock files, dot files and the SDK's tests stay out.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What of a library crate's folder is of no use to those who link it.
const NOT_THE_LIBRARY: [&str; 4] = ["target", "tests", "benches", "examples"];

/// What of a template's folder is a build's product.
const PRODUCTS: [&str; 1] = ["target"];

fn main() {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let repository = here
        .ancestors()
        .nth(2)
        .expect("the crate lies in host/cli of the repository")
        .to_owned();

    let mut sdk = Vec::new();
    pack_file(&repository, "Cargo.toml", &mut sdk);
    for folder in ["sdk", "sdk-macros", "wit"] {
        pack_folder(&repository, folder, &NOT_THE_LIBRARY, &mut sdk);
    }

    let mut templates = Vec::new();
    let capsules = repository.join("capsules");
    for name in entries(&capsules) {
        if capsules.join(&name).join("Capsule.toml").is_file() {
            pack_folder(&capsules, &name, &PRODUCTS, &mut templates);
        }
    }
    // A new example becomes a member of the workspace, which shows in the lock file. The folder itself can't be
    // watched: cargo would look into it as deep as it goes, build products included.
    println!("cargo:rerun-if-changed=build.rs");
    println!(
        "cargo:rerun-if-changed={}",
        repository.join("Cargo.lock").display()
    );

    let mut code = String::new();
    write_array(
        &mut code,
        "SDK",
        "The SDK's crates, the contract and the workspace's manifest.",
        sdk,
    );
    write_array(
        &mut code,
        "TEMPLATES",
        "The examples, each under its own name.",
        templates,
    );
    let out = Path::new(&variable("OUT_DIR")).join("carried.rs");
    fs::write(&out, code).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

/// A file to carry: its path as the command will know it, and where it is now.
type Packed = (String, PathBuf);

/// Packs a folder but for the entries to skip, and has cargo watch each of the others: what is not packed may
/// change without the command being out of date.
fn pack_folder(parent: &Path, folder: &str, skip: &[&str], packed: &mut Vec<Packed>) {
    for name in entries(&parent.join(folder)) {
        if skip.contains(&name.as_str()) {
            continue;
        }
        pack(parent, &format!("{folder}/{name}"), packed);
        println!(
            "cargo:rerun-if-changed={}",
            parent.join(folder).join(&name).display()
        );
    }
}

fn pack(parent: &Path, path: &str, packed: &mut Vec<Packed>) {
    let absolute = parent.join(path);
    if absolute.is_dir() {
        for name in entries(&absolute) {
            pack(parent, &format!("{path}/{name}"), packed);
        }
    } else {
        packed.push((path.to_owned(), absolute));
    }
}

fn pack_file(parent: &Path, path: &str, packed: &mut Vec<Packed>) {
    pack(parent, path, packed);
    println!("cargo:rerun-if-changed={}", parent.join(path).display());
}

/// The names in a folder that are to be packed, sorted. `.gitignore` is the one dot file a template needs.
fn entries(folder: &Path) -> Vec<String> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; the command is built within its repository",
            folder.display()
        )
    });
    let mut names: Vec<String> = read
        .map(|entry| {
            let name = entry
                .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
                .file_name();
            name.into_string()
                .unwrap_or_else(|name| panic!("{name:?} in {} is not UTF-8", folder.display()))
        })
        .filter(|name| !name.starts_with('.') || name == ".gitignore")
        .filter(|name| name != "Cargo.lock")
        .collect();
    names.sort();
    names
}

fn write_array(code: &mut String, name: &str, what: &str, mut files: Vec<Packed>) {
    files.sort();
    let _ = writeln!(
        code,
        "/// {what}\npub(super) const {name}: &[(&str, &[u8])] = &["
    );
    for (path, absolute) in files {
        // Debug is Rust's own notation of a string, whatever the path contains.
        let absolute = absolute
            .to_str()
            .unwrap_or_else(|| panic!("{absolute:?} is not UTF-8"));
        let _ = writeln!(code, "    ({path:?}, include_bytes!({absolute:?})),");
    }
    code.push_str("];\n");
}

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|error| panic!("{name}, which cargo sets for a build script: {error}"))
}
