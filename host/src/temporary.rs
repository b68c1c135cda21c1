//! Temporary folders: for us alone whatever the umask, and removed on every end.
//!
//! A folder is removed when it is dropped. One whose process was killed is removed by the next process that makes
//! one: a folder that is in use is held by an flock, which ends with its process. Nothing here installs a handler of
//! signals; a program that ends by one calls [`remove_all`] first.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tempfile::TempDir;

/// How its name begins.
const PREFIX: &str = "astrid-tmp-";
/// How old a folder must be before it is swept: by then its maker has locked it.
const SETTLED: Duration = Duration::from_secs(60);

/// Those of this process.
static IN_USE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A temporary folder, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    dir: TempDir,
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
        Ok(Self { dir, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
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
    let age = SystemTime::now().duration_since(found.modified()?);
    // A time that lies ahead is of a clock that was set back: it tells nothing.
    let settled = age.is_ok_and(|age| age > SETTLED);
    if found.is_dir() && found.uid() == us && settled {
        let folder = File::open(path)?;
        folder.try_lock()?;
        std::fs::remove_dir_all(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(path: &Path) {
        let long_ago = SystemTime::now() - 2 * SETTLED;
        File::open(path)
            .expect("there")
            .set_modified(long_ago)
            .expect("set");
    }

    #[test]
    fn what_an_ended_process_left_is_swept_and_nothing_else() {
        let parent = tempfile::tempdir().expect("a folder");
        let make = |name: &str| {
            let path = parent.path().join(name);
            std::fs::create_dir(&path).expect("made");
            std::fs::write(path.join("file"), "x").expect("written");
            path
        };
        let (left, young, foreign) = (
            make("astrid-tmp-left"),
            make("astrid-tmp-young"),
            make("other"),
        );
        old(&left);
        old(&foreign);
        let used = Temporary::new_in(parent.path()).expect("made");
        old(used.path());
        let linked = parent.path().join("astrid-tmp-link");
        std::os::unix::fs::symlink(&foreign, &linked).expect("linked");
        let other = Temporary::new_in(parent.path()).expect("made");
        assert!(!left.exists());
        for kept in [
            &young,
            &foreign.join("file"),
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
