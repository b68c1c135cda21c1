//! Why something about a file did not work: the contract's codes, each with what was attempted, and what can go wrong with
//! a file on this side.

use core::fmt;
use std::io;

use super::code::{Code, Mode};
use crate::bounded;

/// The most bytes of a path that a message tells.
const MAX_SHOWN: usize = 512;

/// What a function does with a path, and which grant it needs for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `fs_read`.
    Read,
    /// `fs_write`.
    Write,
    /// Both.
    Both,
}

impl Access {
    /// The keys of `[capabilities]`.
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["fs_read"],
            Self::Write => &["fs_write"],
            Self::Both => &["fs_read", "fs_write"],
        }
    }
}

impl From<Mode> for Access {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Read => Self::Read,
            Mode::Write | Mode::Append => Self::Write,
            Mode::ReadWrite => Self::Both,
        }
    }
}

/// What was attempted: with which path, or with which two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    verb: &'static str,
    access: Access,
    path: Box<str>,
    to: Option<(Access, Box<str>)>,
}

impl Attempt {
    pub(super) fn new(verb: &'static str, access: Access, path: &str) -> Self {
        Self {
            verb,
            access,
            path: path.into(),
            to: None,
        }
    }

    /// The second path of a copy, a renaming or a link.
    pub(super) fn to(self, access: Access, path: &str) -> Self {
        Self {
            to: Some((access, path.into())),
            ..self
        }
    }

    /// The path as it was given; of two, the first.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The second path of a copy, a renaming or a hard link.
    pub fn second_path(&self) -> Option<&str> {
        self.to.as_ref().map(|(_, path)| &**path)
    }

    /// What Capsule.toml must have for it.
    fn grants(&self) -> String {
        let first = (self.access, &self.path);
        let second = self.to.as_ref().map(|(access, path)| (*access, path));
        let mut grants: Vec<String> = Vec::new();
        for (access, path) in [first].into_iter().chain(second) {
            for key in access.keys() {
                let grant = format!("{key} = [\"{}\"]", shown(&covering(path)));
                if !grants.contains(&grant) {
                    grants.push(grant);
                }
            }
        }
        grants.join(" and ")
    }
}

/// The entry of `fs_read` or `fs_write` that the host proposes for a path: the folder that it lies in, or at the top itself.
fn covering(path: &str) -> String {
    let (scheme, rest) = path.split_once("://").unwrap_or(("workspace", path));
    let scheme = if scheme == "cwd" { "workspace" } else { scheme };
    let names = rest
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".");
    let names: Vec<&str> = names.collect();
    let folder = match names.split_last() {
        Some((_, folder)) if !folder.is_empty() => folder,
        _ => &names,
    };
    format!("{scheme}://{}", folder.join("/"))
}

fn shown(path: &str) -> String {
    bounded::excerpt(path.into(), MAX_SHOWN)
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} `{}`", self.verb, shown(&self.path))?;
        match &self.to {
            Some((_, to)) => write!(f, " to `{}`", shown(to)),
            None => Ok(()),
        }
    }
}

/// Why the host did not do what it was asked, or why a file cannot be read or opened. Each case has what was attempted;
/// [`path`](Self::path) is a short way to the path.
///
/// In a test, a case makes an error of a path: `host.refuse_file("home://a.txt", fs::Error::Access)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Nothing is there, or the folder is missing in which something is to be made.
    NotFound(Attempt),
    /// The system does not permit it; or what is there is neither a file nor a folder; or it is a file with several
    /// names, which is not written in place; or it was not opened for that.
    Access(Attempt),
    /// The manifest grants no such path: `fs_read` and `fs_write` under `[capabilities]`.
    CapabilityDenied(Attempt),
    /// The path has a `..`, or a link leads out of what is granted.
    BoundaryEscape(Attempt),
    /// It is no path: an unknown scheme, a NUL, or too long.
    InvalidPath(Attempt),
    /// It would have to wait.
    WouldBlock(Attempt),
    /// It is a folder, where a file is needed.
    IsDirectory(Attempt),
    /// It is a file, or one lies on the way, where a folder is needed.
    NotDirectory(Attempt),
    /// The folder is not empty.
    NotEmpty(Attempt),
    /// More than one call moves: [`MAX_CONTENTS`](super::MAX_CONTENTS) of a whole file,
    /// [`MAX_PIECE`](super::MAX_PIECE) at an offset, [`MAX_ENTRIES`](super::MAX_ENTRIES) of a folder.
    TooLarge(Attempt),
    /// The principal has no room for it, or [`MAX_OPEN`](super::MAX_OPEN) files are open.
    Quota(Attempt),
    /// One path is in another of `workspace://`, `home://` and `tmp://` than the other one.
    CrossVfs(Attempt),
    /// Something is there already.
    AlreadyExists(Attempt),
    /// The file is closed.
    Closed(Attempt),
    /// Something the contract has no code for, in the host's words.
    Unknown(Attempt, String),
    /// The file is not UTF-8.
    NotText(Attempt),
    /// [`OpenOptions`](super::OpenOptions) that are none of the four that the contract has.
    InvalidOptions(Attempt),
}

impl Error {
    pub(super) fn new(code: Code, attempt: Attempt) -> Self {
        match code {
            Code::NotFound => Self::NotFound(attempt),
            Code::Access => Self::Access(attempt),
            Code::CapabilityDenied => Self::CapabilityDenied(attempt),
            Code::BoundaryEscape => Self::BoundaryEscape(attempt),
            Code::InvalidPath => Self::InvalidPath(attempt),
            Code::WouldBlock => Self::WouldBlock(attempt),
            Code::IsDirectory => Self::IsDirectory(attempt),
            Code::NotDirectory => Self::NotDirectory(attempt),
            Code::NotEmpty => Self::NotEmpty(attempt),
            Code::TooLarge => Self::TooLarge(attempt),
            Code::Quota => Self::Quota(attempt),
            Code::CrossVfs => Self::CrossVfs(attempt),
            Code::AlreadyExists => Self::AlreadyExists(attempt),
            Code::Closed => Self::Closed(attempt),
            Code::Unknown(text) => Self::Unknown(attempt, text),
        }
    }

    /// What the host in memory answers for this: the contract's code; what it has no code for, in words.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn into_code(self) -> Code {
        match self {
            Self::NotFound(_) => Code::NotFound,
            Self::Access(_) => Code::Access,
            Self::CapabilityDenied(_) => Code::CapabilityDenied,
            Self::BoundaryEscape(_) => Code::BoundaryEscape,
            Self::InvalidPath(_) => Code::InvalidPath,
            Self::WouldBlock(_) => Code::WouldBlock,
            Self::IsDirectory(_) => Code::IsDirectory,
            Self::NotDirectory(_) => Code::NotDirectory,
            Self::NotEmpty(_) => Code::NotEmpty,
            Self::TooLarge(_) => Code::TooLarge,
            Self::Quota(_) => Code::Quota,
            Self::CrossVfs(_) => Code::CrossVfs,
            Self::AlreadyExists(_) => Code::AlreadyExists,
            Self::Closed(_) => Code::Closed,
            Self::Unknown(_, text) => Code::Unknown(text),
            Self::NotText(_) | Self::InvalidOptions(_) => Code::Unknown(self.to_string()),
        }
    }

    /// What was attempted.
    pub fn attempt(&self) -> &Attempt {
        match self {
            Self::NotFound(attempt)
            | Self::Access(attempt)
            | Self::CapabilityDenied(attempt)
            | Self::BoundaryEscape(attempt)
            | Self::InvalidPath(attempt)
            | Self::WouldBlock(attempt)
            | Self::IsDirectory(attempt)
            | Self::NotDirectory(attempt)
            | Self::NotEmpty(attempt)
            | Self::TooLarge(attempt)
            | Self::Quota(attempt)
            | Self::CrossVfs(attempt)
            | Self::AlreadyExists(attempt)
            | Self::Closed(attempt)
            | Self::Unknown(attempt, _)
            | Self::NotText(attempt)
            | Self::InvalidOptions(attempt) => attempt,
        }
    }

    /// The path as it was given; of two, the first.
    pub fn path(&self) -> &str {
        self.attempt().path()
    }

    /// What `std` calls it.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NotFound(_) => io::ErrorKind::NotFound,
            Self::Access(_) | Self::CapabilityDenied(_) | Self::BoundaryEscape(_) => {
                io::ErrorKind::PermissionDenied
            }
            Self::InvalidPath(_) => io::ErrorKind::InvalidFilename,
            Self::WouldBlock(_) => io::ErrorKind::WouldBlock,
            Self::IsDirectory(_) => io::ErrorKind::IsADirectory,
            Self::NotDirectory(_) => io::ErrorKind::NotADirectory,
            Self::NotEmpty(_) => io::ErrorKind::DirectoryNotEmpty,
            Self::TooLarge(_) => io::ErrorKind::FileTooLarge,
            Self::Quota(_) => io::ErrorKind::QuotaExceeded,
            Self::CrossVfs(_) => io::ErrorKind::CrossesDevices,
            Self::AlreadyExists(_) => io::ErrorKind::AlreadyExists,
            Self::Closed(_) => io::ErrorKind::NotConnected,
            Self::Unknown(..) => io::ErrorKind::Other,
            Self::NotText(_) => io::ErrorKind::InvalidData,
            Self::InvalidOptions(_) => io::ErrorKind::InvalidInput,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.attempt())?;
        f.write_str(match self {
            Self::NotFound(_) => {
                "it is not there, or its folder is missing, which `fs::create_dir_all` makes"
            }
            Self::Access(_) => {
                "the system does not permit it, it was not opened for that, or it is neither a file nor a folder; a file \
                 with several names is replaced by `fs::write`, not written in place"
            }
            Self::CapabilityDenied(attempt) => {
                return write!(
                    f,
                    "no grant covers it; add under [capabilities] in Capsule.toml: {}",
                    attempt.grants()
                );
            }
            Self::BoundaryEscape(_) => {
                "it leads out of what is granted; name it without `..`, and not by a link that leads elsewhere"
            }
            Self::InvalidPath(_) => {
                "it is no path; one begins with `workspace://`, `home://` or `tmp://`, is not too long, and has no NUL"
            }
            Self::WouldBlock(_) => "it would have to wait; try it again later",
            Self::IsDirectory(_) => {
                "it is a folder; `fs::read_dir` lists it, and `fs::remove_dir_all` removes it"
            }
            Self::NotDirectory(_) => {
                "it is a file, or one is on the way to it; name a folder in its place"
            }
            Self::NotEmpty(_) => "the folder is not empty; remove what is in it first",
            Self::TooLarge(_) => {
                "one call moves at most 10 MiB of a whole file, 1 MiB at an offset, and the names of 4,096 entries; open a \
                 large file with `fs::File` and go through it piece by piece"
            }
            Self::Quota(_) => {
                "the principal has no room for it, or 16 files are open; remove files, or drop some that are open"
            }
            Self::CrossVfs(_) => {
                "one is in another of workspace://, home:// and tmp:// than the other; copy it with `fs::copy`"
            }
            Self::AlreadyExists(_) => {
                "it is there already; take another name, or remove it first"
            }
            Self::Closed(_) => "the file is closed; open it again",
            Self::Unknown(_, text) => text,
            Self::NotText(_) => "the file is not UTF-8 text; `fs::read` reads bytes",
            Self::InvalidOptions(_) => {
                "a file is opened with read; with write, create and truncate; with append and create; or with read, write \
                 and create"
            }
        })
    }
}

impl std::error::Error for Error {}

/// Keeps the kind, and the error itself: `error.downcast::<fs::Error>()`.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}
