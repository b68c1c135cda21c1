//! Why a home cannot be used.

use std::path::PathBuf;

use super::LOCK_PATIENCE;
use crate::files::FileError;
use crate::kind::ErrorKind;

/// Why a home can't be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither `--home`, `$ASTRID_HOME` nor `$HOME` says where it is.
    #[error("no home directory: neither $ASTRID_HOME nor $HOME is set")]
    Unknown,
    /// Somebody else could put files there that this host would trust.
    #[error("{path} can't be trusted: {why}")]
    Untrusted {
        /// The folder.
        path: PathBuf,
        /// Whose it is, or who may write it.
        why: String,
    },
    /// Another process holds the home and didn't let go of it.
    #[error("the home {path} is in use: {} held it for longer than {LOCK_PATIENCE:?}", process(*.pid))]
    Busy {
        /// The home.
        path: PathBuf,
        /// The process that holds it, where the system tells.
        pid: Option<u32>,
    },
    /// A file or folder of the home can't be made, read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The process that holds a home, for people.
fn process(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another astrid process".into(),
    }
}

impl HomeError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Untrusted { .. } => ErrorKind::Policy,
            Self::Unknown | Self::Busy { .. } | Self::File(_) => ErrorKind::Home,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown => "pass --home DIR or set ASTRID_HOME".into(),
            Self::Untrusted { path, .. } => {
                format!(
                    "make it yours alone (chown, chmod go-rwx {}) or choose another --home",
                    path.display()
                )
            }
            Self::Busy { pid: None, .. } => "wait for it to end, or use another --home".into(),
            Self::Busy { pid: Some(pid), .. } => {
                format!("wait for it to end, end it (kill {pid}), or use another --home")
            }
            Self::File(error) => error.hint(),
        }
    }
}
