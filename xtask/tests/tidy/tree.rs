//! The files of the repository, as git sees them: those it tracks and those it would, not what it ignores.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// All files, as sorted paths from the top, with `/` between their parts.
pub(crate) fn files() -> Vec<String> {
    let root = root();
    let mut files = git_files(&root).unwrap_or_else(|| walk(&root));
    files.sort();
    files.dedup();
    files
}

/// All files whose bytes are UTF-8, each with its text.
pub(crate) fn texts() -> impl Iterator<Item = (String, String)> {
    let root = root();
    files().into_iter().filter_map(move |file| {
        let text = String::from_utf8(fs::read(root.join(&file)).ok()?).ok()?;
        Some((file, text))
    })
}

/// None where this is no checkout, as in an unpacked archive, even one within a checkout of something else.
fn git_files(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let files: Vec<_> = String::from_utf8_lossy(&output.stdout)
        .split_terminator('\0')
        // What was deleted is still listed until that is committed.
        .filter(|file| root.join(file).symlink_metadata().is_ok())
        .map(str::to_owned)
        .collect();
    files
        .iter()
        .any(|file| file == "Cargo.toml")
        .then_some(files)
}

/// What there is below the top, but for what git itself keeps and what cargo builds.
fn walk(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    if entry.file_name() != ".git" && entry.file_name() != "target" {
                        folders.push(path);
                    }
                }
                _ => files.push(path.to_string_lossy().replace('\\', "/")),
            }
        }
    }
    files
}

#[test]
fn a_walk_finds_what_git_lists() {
    let (walked, listed) = (walk(&root()), files());
    let missed: Vec<_> = listed
        .iter()
        .filter(|file| !walked.contains(file))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
    assert!(listed.iter().any(|file| file == "xtask/tests/tidy/tree.rs"));
}
