//! What may go wrong with the file, before it is told to whoever asked.

use std::any::Any;
use std::io::ErrorKind;

use super::format::Damaged;
use crate::storage::kv::{Fault, KvError};

/// A call of the library that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Library(#[from] redb::Error),
    #[error("it panicked: {0}")]
    Panicked(String),
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error("it is of format {0}, which this version does not know")]
    Newer(u64),
    #[error("{0}")]
    Folder(String),
    #[error("the host is about to end")]
    Closed,
    /// Not a failure of the file.
    #[error(transparent)]
    Refused(KvError),
}

macro_rules! from_library {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Library(error.into())
            }
        })*
    };
}

from_library!(
    redb::StorageError,
    redb::TableError,
    redb::DatabaseError,
    redb::TransactionError,
    redb::CommitError,
    redb::CompactionError,
    redb::SetDurabilityError,
    std::io::Error
);

impl Failure {
    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Panicked(text.unwrap_or_else(|| "without a word".to_owned()))
    }

    /// Whether another process has the file open.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Library(redb::Error::DatabaseAlreadyOpen))
    }

    /// Whether the handle can be used no longer.
    pub(super) fn ends_the_handle(&self) -> bool {
        match self {
            Self::Library(_) | Self::Panicked(_) => true,
            Self::Damaged(_)
            | Self::Newer(_)
            | Self::Folder(_)
            | Self::Closed
            | Self::Refused(_) => false,
        }
    }

    /// What sort of failure it is.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Library(redb::Error::Io(error)) => match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    Fault::Full
                }
                // It begins or ends otherwise than a file of the library.
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Fault::Damaged,
                _ => Fault::Unavailable,
            },
            Self::Library(redb::Error::DatabaseAlreadyOpen) => Fault::Busy,
            Self::Library(redb::Error::UpgradeRequired(_)) | Self::Newer(_) => Fault::Newer,
            Self::Library(
                redb::Error::Corrupted(_)
                | redb::Error::RepairAborted
                | redb::Error::TableTypeMismatch { .. }
                | redb::Error::TypeDefinitionChanged { .. },
            )
            | Self::Panicked(_)
            | Self::Damaged(_) => Fault::Damaged,
            Self::Library(_) | Self::Folder(_) | Self::Closed | Self::Refused(_) => {
                Fault::Unavailable
            }
        }
    }
}
