//! Why a store did not do what it was asked.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why nothing was written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// Another value is there than was expected.
    #[error("another value is there than was expected")]
    Mismatch,
    /// The scope would hold more than it may.
    #[error(
        "the capsule would keep {wanted} bytes of keys and values for this principal; {limit} are allowed"
    )]
    Quota {
        /// Bytes of keys and values that it would hold.
        wanted: u64,
        /// Most bytes that it may hold.
        limit: u64,
    },
    /// The principal would hold more than it may.
    #[error(
        "the principal would keep {wanted} bytes with all capsules; its profile allows {limit}"
    )]
    PrincipalQuota {
        /// Bytes of keys and values of all its scopes.
        wanted: u64,
        /// Most bytes that they may have.
        limit: u64,
    },
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Failure of a store, as every request that waited for it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {doing} the store {path}: {reason}")]
pub struct StoreError {
    /// What was to be done: `open`, `read`, `write`, `compact`.
    pub doing: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What sort of failure it is.
    pub fault: Fault,
    /// The system's or the library's words.
    pub reason: String,
}

/// Sorts of failures of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no room on the disk. Writing works again once there is.
    Full,
    /// Another process has the file open.
    Busy,
    /// A later version of the host wrote the file.
    Newer,
    /// The file, or a value in it, is not what was written.
    Damaged,
    /// The system refuses, or the host is about to end.
    Unavailable,
}

impl StoreError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self.fault {
            Fault::Damaged => ErrorKind::Integrity,
            Fault::Full | Fault::Busy | Fault::Newer | Fault::Unavailable => ErrorKind::Io,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let path = self.path.display();
        match self.fault {
            Fault::Full => "make room on the disk; writing then works without a restart".into(),
            Fault::Busy => "try again when the other command has ended".into(),
            Fault::Newer => "use the version of astrid that wrote it, or a later one".into(),
            Fault::Damaged => {
                format!("put back a copy of {path}; moved away, an empty one is made")
            }
            Fault::Unavailable => format!("see that {path} can be read and written"),
        }
    }
}

impl KvError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Mismatch => ErrorKind::Policy,
            Self::Quota { .. } | Self::PrincipalQuota { .. } => ErrorKind::TooLarge,
            Self::Store(error) => error.kind(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Mismatch => "read the value again".into(),
            Self::Quota { .. } => "remove keys that are not needed any more".into(),
            Self::PrincipalQuota { .. } => {
                "remove keys, or raise it: astrid principal set PRINCIPAL --storage SIZE".into()
            }
            Self::Store(error) => error.hint(),
        }
    }
}
