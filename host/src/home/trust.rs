//! Whose the folders of a home are, and who may write or read there.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::HomeError;
use crate::files::FileError;

/// Refuses a folder that somebody else could put files into.
///
/// # Errors
/// [`HomeError::Untrusted`]; [`HomeError::File`].
pub(super) fn check(path: &Path) -> Result<(), HomeError> {
    let found = std::fs::metadata(path).map_err(FileError::at("look at", path))?;
    match distrust(
        found.is_dir(),
        found.uid(),
        found.mode(),
        rustix::process::geteuid().as_raw(),
    ) {
        None => Ok(()),
        Some(why) => Err(HomeError::Untrusted {
            path: path.to_owned(),
            why,
        }),
    }
}

/// Why a folder with this owner and mode can't be trusted by the user `us`.
fn distrust(is_dir: bool, owner: u32, mode: u32, us: u32) -> Option<String> {
    if !is_dir {
        Some("it is no folder".into())
    } else if owner != us {
        Some(format!("it belongs to user {owner}, and this is user {us}"))
    } else if mode & 0o022 != 0 {
        Some(format!("others may write to it (mode {:o})", mode & 0o777))
    } else {
        None
    }
}

/// Refuses a file that others may read.
///
/// # Errors
/// [`HomeError::Untrusted`].
pub(crate) fn private(path: &Path, found: &Metadata) -> Result<(), HomeError> {
    if found.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(HomeError::Untrusted {
        path: path.to_owned(),
        why: format!("its mode is {:o}, not 600", found.mode() & 0o777),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::home::Home;

    #[test]
    fn only_folders_that_nobody_else_writes_are_trusted() {
        assert_eq!(distrust(true, 7, 0o40700, 7), None);
        assert_eq!(distrust(true, 7, 0o40755, 7), None);
        for mode in [0o40775, 0o40757, 0o41777, 0o40722] {
            assert!(distrust(true, 7, mode, 7).is_some(), "{mode:o}");
        }
        assert!(distrust(true, 8, 0o40700, 7).is_some());
        assert!(distrust(false, 7, 0o100_600, 7).is_some());
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::open(dir.path()).expect("made");
        let folders = [
            "",
            "etc",
            "etc/profiles",
            "bin",
            "cache",
            "run",
            "log",
            "secrets",
            "var",
            "capsules",
            "sdk",
            "home",
        ];
        for folder in folders {
            let path = home.root().join(folder);
            for mode in [0o770, 0o707, 0o1777, 0o720, 0o702] {
                let set = |mode| {
                    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode))
                        .expect("changed");
                };
                set(mode);
                match Home::open(dir.path()) {
                    Err(HomeError::Untrusted { path: found, why }) => {
                        let said = format!("mode {:o}", mode & 0o777);
                        assert_eq!((found, why.contains(&said)), (path.clone(), true), "{why}");
                    }
                    other => panic!("{folder} with {mode:o}: {other:?}"),
                }
                set(0o755);
                assert!(Home::open(dir.path()).is_ok(), "{folder}");
            }
        }
    }

    #[test]
    fn a_link_to_a_folder_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        let home = Home::open(dir.path()).expect("made");
        std::fs::remove_dir(home.cache_dir()).expect("removed");
        std::os::unix::fs::symlink(elsewhere.path(), home.cache_dir()).expect("linked");
        assert!(Home::open(dir.path()).is_ok(), "it is ours alone");
        std::fs::set_permissions(elsewhere.path(), PermissionsExt::from_mode(0o777))
            .expect("changed");
        let refused = Home::open(dir.path());
        assert!(matches!(refused, Err(HomeError::Untrusted { .. })));
    }
}
