//! Temporary folders: for us alone whatever the umask, and removed on every end.
//!
//! A folder is removed when it is dropped. One whose process was killed is removed by the next process that makes
//! one: a folder that is in use is held by an flock, which ends with its process. Nothing here installs a handler of
//! signals; a program that ends by one calls [`remove_all`] first.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use tempfile::TempDir;

/// How its name begins.
const PREFIX: &str = "astrid-tmp-";
/// The folder in it that is used. It is made last: one without it is perhaps not locked yet, and is not swept.
const USED: &str = "used";

/// Those of this process.
static IN_USE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A temporary folder, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    dir: TempDir,
    used: PathBuf,
    _lock: File,
}

impl Temporary {
    /// Makes one in the system's folder for temporary files.
    pub(crate) fn new() -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    /// Makes one in `parent`, after removing those that ended processes left there.
    pub(crate) fn new_in(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let lock = File::open(dir.path())?;
        lock.try_lock()?;
        IN_USE.lock().push(dir.path().to_owned());
        let used = dir.path().join(USED);
        DirBuilder::new().mode(0o700).create(&used)?;
        Ok(Self {
            dir,
            used,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.used
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        IN_USE.lock().retain(|path| path != self.dir.path());
    }
}

/// Removes the temporary folders of this process: for a program that is about to end by a signal.
pub fn remove_all() {
    for path in IN_USE.lock().drain(..) {
        // Whatever is left is swept by a later process.
        let _ = std::fs::remove_dir_all(path);
    }
}

/// Removes what ended processes of ours left. What cannot be looked at or removed stays.
fn sweep(parent: &Path) {
    let us = rustix::process::geteuid().as_raw();
    let Ok(entries) = std::fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let _ = sweep_one(&entry.path(), us);
        }
    }
}

fn sweep_one(path: &Path, us: u32) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    if found.is_dir() && found.uid() == us && path.join(USED).is_dir() {
        let folder = File::open(path)?;
        folder.try_lock()?;
        std::fs::remove_dir_all(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_ended_process_left_is_swept_and_nothing_else() {
        let parent = tempfile::tempdir().expect("a folder");
        let make = |name: &str| {
            let path = parent.path().join(name);
            std::fs::create_dir_all(path.join(USED)).expect("made");
            std::fs::write(path.join(USED).join("file"), "x").expect("written");
            path
        };
        let (left, foreign) = (make("astrid-tmp-left"), make("other"));
        let young = parent.path().join("astrid-tmp-young");
        std::fs::create_dir(&young).expect("made");
        let used = Temporary::new_in(parent.path()).expect("made");
        let linked = parent.path().join("astrid-tmp-link");
        std::os::unix::fs::symlink(&foreign, &linked).expect("linked");
        let other = Temporary::new_in(parent.path()).expect("made");
        assert!(!left.exists());
        for kept in [
            &young,
            &foreign.join(USED),
            &linked,
            used.path(),
            other.path(),
        ] {
            assert!(kept.exists(), "{}", kept.display());
        }
        let (one, two) = (used.path().to_owned(), other.path().to_owned());
        drop((used, other));
        assert!(!one.exists() && !two.exists());
    }

    #[test]
    fn a_temporary_folder_is_for_us_alone() {
        let folder = Temporary::new().expect("made");
        let mode = std::fs::metadata(folder.path()).expect("there").mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
