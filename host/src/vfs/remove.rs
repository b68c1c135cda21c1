//! Removing a folder with all that is in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;

use super::{FsError, Space};

/// How often a folder is looked through again because others add to it meanwhile.
const AGAIN: usize = 16;

/// Removes a folder with all that is in it, and never follows a link; tells how many entries went, itself included.
///
/// # Errors
/// [`FsError::NotDirectory`]; [`FsError::NotEmpty`] where others keep adding.
pub(super) fn remove_all(
    dir: &Dir,
    path: &Path,
    space: Option<&Arc<Space>>,
) -> Result<u64, FsError> {
    if !dir.symlink_metadata(path)?.is_dir() {
        return Err(FsError::NotDirectory);
    }
    let mut removed = 0;
    let mut folders = vec![(path.to_owned(), 0)];
    while let Some((folder, looked)) = folders.pop() {
        if looked > AGAIN {
            return Err(FsError::NotEmpty);
        }
        let below = empty(dir, &folder, space, &mut removed)?;
        if below.is_empty() {
            match dir.remove_dir(&folder).map_err(FsError::from) {
                Ok(()) => removed += 1,
                Err(FsError::NotFound) => {}
                Err(FsError::NotEmpty) => folders.push((folder, looked + 1)),
                Err(error) => return Err(error),
            }
        } else {
            folders.push((folder, looked + 1));
            folders.extend(below.into_iter().map(|below| (below, 0)));
        }
    }
    Ok(removed)
}

/// Removes the files of a folder; the folders in it are left, and told.
fn empty(
    dir: &Dir,
    folder: &Path,
    space: Option<&Arc<Space>>,
    removed: &mut u64,
) -> Result<Vec<PathBuf>, FsError> {
    let mut below = Vec::new();
    let entries = match dir.read_dir(folder).map_err(FsError::from) {
        Ok(entries) => entries,
        // Somebody else was faster.
        Err(FsError::NotFound) => return Ok(below),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            below.push(path);
            continue;
        }
        let size = dir.symlink_metadata(&path).map_or(0, |found| found.len());
        match dir.remove_file(&path).map_err(FsError::from) {
            Ok(()) => {
                *removed += 1;
                if let Some(space) = space {
                    space.give_back(size);
                }
            }
            Err(FsError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(below)
}
