//! What a manifest grants: subtrees, by whole parts of a path.

use std::path::{Path, PathBuf};

use super::{GuestPath, Mount};
use crate::manifest::Capabilities;
use crate::policy::gate::Access;

/// The subtrees that a capsule may read, and those that it may write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    read: Vec<Grant>,
    write: Vec<Grant>,
}

/// A subtree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Where it is.
    pub(crate) mount: Mount,
    /// Relative to the mount; empty for all of it.
    pub(crate) subtree: PathBuf,
}

impl Grants {
    /// Those of a manifest. Its temporary folder needs none.
    pub(crate) fn of(held: &Capabilities) -> Self {
        Self {
            read: all(&held.fs_read),
            write: all(&held.fs_write),
        }
    }

    /// The widest subtree that covers a path; none if no grant does.
    pub(crate) fn covering(&self, access: Access, path: &GuestPath) -> Option<&Grant> {
        static TMP: Grant = Grant {
            mount: Mount::Tmp,
            subtree: PathBuf::new(),
        };
        if path.mount == Mount::Tmp {
            return Some(&TMP);
        }
        let grants = match access {
            Access::Read => &self.read,
            Access::Write => &self.write,
        };
        grants
            .iter()
            .filter(|grant| {
                grant.mount == path.mount && path.relative().starts_with(&grant.subtree)
            })
            .min_by_key(|grant| grant.subtree.as_os_str().len())
    }

    /// An entry of the manifest that would cover a path.
    pub(crate) fn entry(path: &GuestPath) -> String {
        match path.relative().parent() {
            // What lies at the top is granted with all of the mount.
            None => format!("{}://", path.mount.scheme()),
            Some(above) if above == Path::new("") => path.to_string(),
            Some(above) => format!("{}://{}", path.mount.scheme(), above.display()),
        }
    }
}

/// The entries of a list. What a manifest may have there was judged when it was read.
fn all(entries: &[String]) -> Vec<Grant> {
    let grant = |entry: &String| {
        let path = match entry.as_str() {
            "*" => GuestPath::new(Mount::Workspace, ""),
            entry => GuestPath::parse(entry),
        };
        let path = path.ok()?;
        Some(Grant {
            mount: path.mount,
            subtree: path.relative().to_owned(),
        })
    };
    entries.iter().filter_map(grant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_covers_its_subtree_by_whole_parts() {
        let entries = |entries: &[&str]| {
            all(&entries
                .iter()
                .map(|entry| (*entry).to_owned())
                .collect::<Vec<_>>())
        };
        let grants = Grants {
            read: entries(&["workspace://src", "home://"]),
            write: entries(&["workspace://src/gen", "workspace://src"]),
        };
        let covering = |access, path: &str| {
            let path = GuestPath::parse(path).expect("a path");
            let grant = grants.covering(access, &path)?;
            Some(grant.subtree.display().to_string())
        };
        let (read, write) = (Access::Read, Access::Write);
        for (access, path, subtree) in [
            (read, "src", Some("src")),
            (read, "/src/a/b", Some("src")),
            (read, "srcs", None),
            (read, "sr", None),
            (read, "/", None),
            (read, "home://src", Some("")),
            (read, "home://", Some("")),
            (write, "home://x", None),
            (write, "cwd://src/gen/x", Some("src")),
            (write, "tmp://x", Some("")),
        ] {
            assert_eq!(covering(access, path).as_deref(), subtree, "{path}");
        }
        let everything = Grants {
            read: entries(&["*"]),
            write: Vec::new(),
        };
        let root = GuestPath::parse("/").expect("a path");
        assert!(everything.covering(read, &root).is_some());
        assert!(everything.covering(write, &root).is_none());
    }

    #[test]
    fn the_entry_that_is_proposed_covers_the_path() {
        for (path, entry) in [
            ("/", "workspace://"),
            ("a", "workspace://a"),
            ("a/b/c", "workspace://a/b"),
            ("home://x", "home://x"),
        ] {
            let path = GuestPath::parse(path).expect("a path");
            assert_eq!(Grants::entry(&path), entry);
            let covers = all(&[entry.to_owned()]);
            assert!(path.relative().starts_with(&covers[0].subtree));
        }
    }
}
