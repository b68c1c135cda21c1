//! What was tried with a file or folder, and what the system said.

use std::io;
use std::path::{Path, PathBuf};

/// An operation on a file or folder that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path}: {source}")]
pub struct FileError {
    /// What was tried.
    pub doing: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FileError {
    /// The error of `doing` something with `path`, once the system has said why.
    pub fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self {
            doing,
            path,
            source,
        }
    }

    /// Whether there is no such file or folder.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    /// Whether this file system has no such operation at all.
    pub(crate) fn is_unsupported(&self) -> bool {
        use rustix::io::Errno;
        [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP]
            .iter()
            .any(|errno| self.source.raw_os_error() == Some(errno.raw_os_error()))
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let path = self.path.display();
        match self.source.kind() {
            io::ErrorKind::NotFound => format!("check that {path} is there"),
            io::ErrorKind::PermissionDenied => {
                format!("check that {path} is yours, and may be read and written")
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                format!(
                    "{path}, or a part of that path, is a file: move it, or choose another place"
                )
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                format!("free some space on the disk of {path}")
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                format!("{path} is on a disk that can't be written: choose another place")
            }
            _ => format!("check that {path} can be read and written"),
        }
    }
}
