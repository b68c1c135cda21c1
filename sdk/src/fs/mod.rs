//! Files: the host's interface `astrid:fs/host@1.0.0`, shaped like `std::fs`.
//!
//! ```
//! use astrid_sdk::fs;
//! # let manifest = "[capabilities]\nfs_read = [\"workspace://\"]\nfs_write = [\"workspace://notes\"]";
//! # astrid_sdk::testing::Host::new().manifest(manifest).run(|| {
//! fs::create_dir_all("workspace://notes")?;
//! fs::write("workspace://notes/cities.txt", "Oslo")?;
//! fs::append("workspace://notes/cities.txt", ", Lisbon")?;
//! assert_eq!(fs::read_to_string("workspace://notes/cities.txt")?, "Oslo, Lisbon");
//!
//! let names: Vec<String> = fs::read_dir("workspace://notes")?.map(|entry| entry.file_name().into()).collect();
//! assert_eq!(names, ["cities.txt"]);
//! # Ok::<(), fs::Error>(())
//! # }).unwrap();
//! ```
//!
//! # Paths
//!
//! A path is a text, not a `std::path::Path`: a scheme, then names with `/` between them.
//!
//! | a path | is in | needs |
//! |---|---|---|
//! | `workspace://a`; also `cwd://a`, `a`, `/a` | the folder that capsules work on; what they change there is the principal's own until the operator commits it | a grant |
//! | `home://a` | the home of the principal on whose behalf the call runs | a grant |
//! | `tmp://a`; also `/tmp/a` | a folder for temporary files of this capsule for this principal | nothing |
//!
//! What `fs_read` and `fs_write` list under `[capabilities]` is granted, a folder and all below it:
//!
//! ```toml
//! [capabilities]
//! fs_read = ["workspace://"]
//! fs_write = ["workspace://out", "home://journal"]
//! ```
//!
//! `..` is refused wherever it stands, and so is a link that leads out of what is granted: [`Error::BoundaryEscape`].
//! A link may be followed; none can be made.
//!
//! # Limits
//!
//! A whole file is read, written or appended to by one call, with at most [`MAX_CONTENTS`] bytes; a [`File`] goes through
//! a larger one piece by piece. A whole-file [`write()`] replaces the file or leaves it as it was. A folder is listed with
//! at most [`MAX_ENTRIES`], and [`MAX_OPEN`] files are open at once. All that a principal keeps, files among it, has at
//! most 1 GiB unless its profile says otherwise.
//!
//! # Errors
//!
//! An [`Error`] is the contract's code with what was attempted, and turns into a `std::io::Error` of the same kind:
//!
//! ```
//! use astrid_sdk::fs;
//! # let manifest = "[capabilities]\nfs_read = [\"workspace://\"]";
//! # astrid_sdk::testing::Host::new().manifest(manifest).run(|| {
//! let settings = match fs::read_to_string("workspace://settings.toml") {
//!     Ok(text) => text,
//!     Err(fs::Error::NotFound(_)) => String::new(),
//!     Err(error) => return Err(error),
//! };
//! # assert_eq!(settings, "");
//! let denied = fs::write("workspace://out/a.txt", "hello").unwrap_err();
//! assert_eq!(
//!     denied.to_string(),
//!     "cannot write `workspace://out/a.txt`: no grant covers it; add under [capabilities] in Capsule.toml: \
//!      fs_write = [\"workspace://out\"]"
//! );
//! # Ok(())
//! # }).unwrap();
//! ```

mod code;
#[cfg(target_family = "wasm")]
mod component;
mod dir;
mod error;
mod file;
mod metadata;
#[cfg(not(target_family = "wasm"))]
mod native;
mod options;

#[cfg(target_family = "wasm")]
use component as backend;
#[cfg(not(target_family = "wasm"))]
use native as backend;

use error::Access;

#[cfg(target_family = "wasm")]
pub(crate) use code::{Code, Datetime, Mode};
pub use dir::{DirEntry, ReadDir};
pub use error::{Attempt, Error};
pub use file::File;
pub use metadata::{FileType, Metadata};
pub use options::OpenOptions;

/// The most bytes of a whole file that one call moves: 10 MiB, by the contract.
pub const MAX_CONTENTS: usize = 10 << 20;

/// The most bytes that one call moves from or to an offset of a [`File`]: 1 MiB, by the contract.
pub const MAX_PIECE: usize = 1 << 20;

/// The most files that are open at once: 16, by the contract.
pub const MAX_OPEN: usize = 16;

/// The most entries of a folder that is listed: 4,096, by the contract.
pub const MAX_ENTRIES: usize = 4_096;

/// The bytes of a file, at most [`MAX_CONTENTS`].
pub fn read(path: impl AsRef<str>) -> Result<Vec<u8>, Error> {
    let path = path.as_ref();
    one("read", Access::Read, path, backend::read_file(path))
}

/// The text of a file, at most [`MAX_CONTENTS`] bytes; [`Error::NotText`] if it is not UTF-8.
pub fn read_to_string(path: impl AsRef<str>) -> Result<String, Error> {
    let path = path.as_ref();
    String::from_utf8(read(path)?)
        .map_err(|_| Error::NotText(Attempt::new("read", Access::Read, path)))
}

/// Makes a file with these contents, at most [`MAX_CONTENTS`] bytes, or replaces the one that is there: all of it or, after
/// an error, nothing.
pub fn write(path: impl AsRef<str>, contents: impl AsRef<[u8]>) -> Result<(), Error> {
    let path = path.as_ref();
    let written = backend::write_file(path, contents.as_ref());
    one("write", Access::Write, path, written)
}

/// Adds at most [`MAX_CONTENTS`] bytes to the end of a file, which is made where it is not there.
pub fn append(path: impl AsRef<str>, contents: impl AsRef<[u8]>) -> Result<(), Error> {
    let path = path.as_ref();
    let appended = backend::fs_append(path, contents.as_ref());
    one("append to", Access::Write, path, appended)
}

/// Copies a file, over the one that is there. The host does it: a copy may be of any size, and from one scheme to another.
pub fn copy(from: impl AsRef<str>, to: impl AsRef<str>) -> Result<(), Error> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let copied = backend::fs_copy(from, to);
    two("copy", (Access::Read, from), (Access::Write, to), copied)
}

/// Renames a file or a folder, over a file or an empty folder that is there. From one scheme to another it is
/// [`Error::CrossVfs`].
pub fn rename(from: impl AsRef<str>, to: impl AsRef<str>) -> Result<(), Error> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let renamed = backend::fs_rename(from, to);
    two(
        "rename",
        (Access::Write, from),
        (Access::Write, to),
        renamed,
    )
}

/// Removes a file, or a link.
pub fn remove_file(path: impl AsRef<str>) -> Result<(), Error> {
    let path = path.as_ref();
    one("remove", Access::Write, path, backend::fs_unlink(path))
}

/// Removes a folder and all that is in it, and answers how many entries those were, itself included. What a link in it
/// leads to stays.
pub fn remove_dir_all(path: impl AsRef<str>) -> Result<u64, Error> {
    let path = path.as_ref();
    one(
        "remove",
        Access::Write,
        path,
        backend::fs_remove_dir_all(path),
    )
}

/// Makes a folder in one that is there.
pub fn create_dir(path: impl AsRef<str>) -> Result<(), Error> {
    let path = path.as_ref();
    one(
        "make the folder",
        Access::Write,
        path,
        backend::fs_mkdir(path),
    )
}

/// Makes a folder and those above it, as far as they are missing.
pub fn create_dir_all(path: impl AsRef<str>) -> Result<(), Error> {
    let path = path.as_ref();
    one(
        "make the folder",
        Access::Write,
        path,
        backend::fs_mkdir_all(path),
    )
}

/// The entries of a folder, in the order of their names' bytes; [`Error::TooLarge`] if there are more than
/// [`MAX_ENTRIES`]. All come by one call, so that unlike in `std` an entry is no `Result`.
pub fn read_dir(path: impl AsRef<str>) -> Result<ReadDir, Error> {
    let path = path.as_ref();
    let names = one("list", Access::Read, path, backend::fs_readdir(path))?;
    Ok(ReadDir::new(path, names))
}

/// What is known of a file or a folder, or of that to which a link leads.
pub fn metadata(path: impl AsRef<str>) -> Result<Metadata, Error> {
    let path = path.as_ref();
    one("look at", Access::Read, path, backend::fs_stat(path))
}

/// What is known of a file, a folder or a link itself.
pub fn symlink_metadata(path: impl AsRef<str>) -> Result<Metadata, Error> {
    let path = path.as_ref();
    let found = backend::fs_stat_symlink(path);
    one("look at", Access::Read, path, found)
}

/// Whether something is there. That the host lets nobody look is an error.
pub fn exists(path: impl AsRef<str>) -> Result<bool, Error> {
    let path = path.as_ref();
    one("look for", Access::Read, path, backend::fs_exists(path))
}

/// The path of what is there, with its scheme and without links: to show it, or to tell whether two paths are of the same.
/// The next call follows its path anew.
pub fn canonicalize(path: impl AsRef<str>) -> Result<String, Error> {
    let path = path.as_ref();
    let resolved = backend::fs_canonicalize(path);
    one("resolve", Access::Read, path, resolved)
}

/// Where a link leads, with its scheme.
pub fn read_link(path: impl AsRef<str>) -> Result<String, Error> {
    let path = path.as_ref();
    let target = backend::fs_read_link(path);
    one("read the link", Access::Read, path, target)
}

/// Gives a file another name in the same scheme. A file with several names may not be written in place:
/// [`write()`] gives the one name a file of its own.
pub fn hard_link(original: impl AsRef<str>, link: impl AsRef<str>) -> Result<(), Error> {
    let (original, link) = (original.as_ref(), link.as_ref());
    let linked = backend::fs_hard_link(original, link);
    two(
        "link",
        (Access::Write, original),
        (Access::Write, link),
        linked,
    )
}

/// What the host answered about one path.
fn one<T>(
    verb: &'static str,
    access: Access,
    path: &str,
    answer: Result<T, code::Code>,
) -> Result<T, Error> {
    answer.map_err(|code| Error::new(code, Attempt::new(verb, access, path)))
}

/// What the host answered about two paths.
fn two<T>(
    verb: &'static str,
    (access, path): (Access, &str),
    (access_to, to): (Access, &str),
    answer: Result<T, code::Code>,
) -> Result<T, Error> {
    answer.map_err(|code| Error::new(code, Attempt::new(verb, access, path).to(access_to, to)))
}
