//! What is known of a file without reading it.

use std::time::{Duration, SystemTime};

use super::code::Datetime;

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileType {
    /// The host cannot tell.
    Unknown,
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link; only [`symlink_metadata`](super::symlink_metadata) sees one.
    Symlink,
    /// A block device. This and what follows can be seen, and not opened.
    BlockDevice,
    /// A character device.
    CharDevice,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

impl FileType {
    #[cfg(target_family = "wasm")]
    pub(crate) fn _lift(case: u8) -> Self {
        match case {
            1 => Self::File,
            2 => Self::Dir,
            3 => Self::Symlink,
            4 => Self::BlockDevice,
            5 => Self::CharDevice,
            6 => Self::Fifo,
            7 => Self::Socket,
            _ => Self::Unknown,
        }
    }

    /// Whether it is a regular file.
    pub fn is_file(self) -> bool {
        self == Self::File
    }

    /// Whether it is a folder.
    pub fn is_dir(self) -> bool {
        self == Self::Dir
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(self) -> bool {
        self == Self::Symlink
    }
}

/// What is known of a file or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
// The contract's `file-stat`.
pub struct Metadata {
    pub(crate) size: u64,
    pub(crate) kind: FileType,
    pub(crate) mode: u32,
    pub(crate) modified: Option<Datetime>,
    pub(crate) created: Option<Datetime>,
    pub(crate) accessed: Option<Datetime>,
}

#[expect(
    clippy::len_without_is_empty,
    reason = "`std::fs::Metadata` has none either: a folder's length says nothing about what is in it"
)]
impl Metadata {
    /// The size of a file in bytes. Of anything else it means nothing.
    pub fn len(&self) -> u64 {
        self.size
    }

    /// What it is.
    pub fn file_type(&self) -> FileType {
        self.kind
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind.is_file()
    }

    /// Whether it is a folder.
    pub fn is_dir(&self) -> bool {
        self.kind.is_dir()
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.kind.is_symlink()
    }

    /// The mode of Unix, whose last nine bits are the permissions; 0 where the host's system has none.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// When it was last changed. None where the host cannot tell, or tells a time before 1970.
    ///
    /// ```
    /// use astrid_sdk::{fs, testing::Host, time};
    /// use std::time::Duration;
    /// # let host = Host::new().manifest("[capabilities]\nfs_read = [\"*\"]").file("workspace://a.txt", "hello");
    /// # host.advance(Duration::from_secs(90));
    /// # host.run(|| {
    /// let modified = fs::metadata("workspace://a.txt")?.modified();
    /// let age = modified.and_then(|modified| time::now().duration_since(modified).ok());
    /// assert_eq!(age, Some(Duration::from_secs(90)));
    /// # Ok::<(), fs::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn modified(&self) -> Option<SystemTime> {
        since_1970(self.modified)
    }

    /// When it was made. None where the host cannot tell, or tells a time before 1970.
    pub fn created(&self) -> Option<SystemTime> {
        since_1970(self.created)
    }

    /// When it was last read. None where the host cannot tell, or tells a time before 1970.
    pub fn accessed(&self) -> Option<SystemTime> {
        since_1970(self.accessed)
    }
}

/// A component's `SystemTime` has no time before 1970.
fn since_1970(time: Option<Datetime>) -> Option<SystemTime> {
    let time = time?;
    let seconds = Duration::from_secs(u64::try_from(time.seconds).ok()?);
    let nanoseconds = Duration::from_nanos(time.nanoseconds.into());
    SystemTime::UNIX_EPOCH.checked_add(seconds.checked_add(nanoseconds)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_since_1970_or_none() {
        let time = |seconds, nanoseconds| {
            since_1970(Some(Datetime {
                seconds,
                nanoseconds,
            }))
        };
        let second = Duration::from_millis(1_500);
        assert_eq!(time(1, 500_000_000), Some(SystemTime::UNIX_EPOCH + second));
        assert_eq!((time(-1, 0), since_1970(None)), (None, None));
    }
}
