//! Why a file operation was not done: the contract's codes.

use std::io;

use rustix::io::Errno;

/// Why a file operation was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FsError {
    /// It, or a folder above it, is not there.
    #[error("it is not there")]
    NotFound,
    /// It is no regular file or folder, or the system does not permit it.
    #[error("it is not accessible")]
    Access,
    /// The path, or a link in it, leads out of what is granted.
    #[error("it leads out of what is granted")]
    BoundaryEscape,
    /// The path is none.
    #[error("the path is none")]
    InvalidPath,
    /// It would have to be waited for.
    #[error("it would block")]
    WouldBlock,
    /// A file is needed.
    #[error("it is a folder")]
    IsDirectory,
    /// A folder is needed.
    #[error("it is no folder")]
    NotDirectory,
    /// The folder is not empty.
    #[error("the folder is not empty")]
    NotEmpty,
    /// More bytes or entries than one call takes or gives.
    #[error("it is too large")]
    TooLarge,
    /// More than the principal may store, or than a capsule may hold open.
    #[error("the quota is used up")]
    Quota,
    /// From one scheme to another.
    #[error("it goes from one scheme to another")]
    CrossVfs,
    /// There is something already.
    #[error("it is there already")]
    AlreadyExists,
    /// What the contract has no code for.
    #[error("{0}")]
    Unknown(String),
}

impl From<io::Error> for FsError {
    fn from(error: io::Error) -> Self {
        let Some(code) = error.raw_os_error() else {
            // cap-std's own word on a path that leads out has this kind and no number of the system's.
            return match error.kind() {
                io::ErrorKind::PermissionDenied => Self::BoundaryEscape,
                io::ErrorKind::InvalidInput => Self::InvalidPath,
                _ => Self::Unknown(kind(&error)),
            };
        };
        Errno::from_raw_os_error(code).into()
    }
}

impl From<Errno> for FsError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NotFound,
            Errno::PERM | Errno::ACCESS | Errno::ROFS | Errno::NXIO | Errno::LOOP | Errno::BUSY => {
                Self::Access
            }
            Errno::ISDIR => Self::IsDirectory,
            Errno::NOTDIR => Self::NotDirectory,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::EXIST => Self::AlreadyExists,
            Errno::NAMETOOLONG | Errno::INVAL => Self::InvalidPath,
            Errno::XDEV => Self::CrossVfs,
            Errno::FBIG => Self::TooLarge,
            Errno::DQUOT => Self::Quota,
            Errno::AGAIN => Self::WouldBlock,
            _ => Self::Unknown(kind(&errno.into())),
        }
    }
}

/// What the system says of an error, without any path.
fn kind(error: &io::Error) -> String {
    error.kind().to_string()
}
