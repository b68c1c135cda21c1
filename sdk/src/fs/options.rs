//! The ways to open a file: those of the contract, said as in `std`.

use super::{
    Error, File,
    code::Mode,
    error::{Access, Attempt},
};

/// How a file is opened. The contract has four ways:
///
/// | options | the file | needs |
/// |---|---|---|
/// | `read` | must be there | `fs_read` |
/// | `write`, `create`, `truncate` | is made or emptied | `fs_write` |
/// | `append`, `create` | is made where it is not there; all that is written comes at its end | `fs_write` |
/// | `read`, `write`, `create` | is made where it is not there, and kept as it is | both |
///
/// Any others are [`Error::InvalidOptions`]: a host would do something else than they say.
///
/// ```
/// use astrid_sdk::fs;
/// use std::io::Write;
/// # let manifest = "[capabilities]\nfs_read = [\"*\"]\nfs_write = [\"*\"]";
/// # astrid_sdk::testing::Host::new().manifest(manifest).run(|| {
/// let mut log = fs::File::options().append(true).create(true).open("workspace://log")?;
/// log.write_all(b"a line\n")?;
/// assert!(fs::File::options().write(true).open("workspace://log").is_err());
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
}

impl OpenOptions {
    /// No option is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// For reading.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.read = read;
        self
    }

    /// For writing.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.write = write;
        self
    }

    /// For writing at the end.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.append = append;
        self
    }

    /// Empties it.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.truncate = truncate;
        self
    }

    /// Makes it where it is not there.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.create = create;
        self
    }

    /// Opens the file.
    pub fn open(&self, path: impl AsRef<str>) -> Result<File, Error> {
        let path = path.as_ref();
        match self.mode() {
            Some(mode) => File::with_mode(path, mode),
            None => Err(Error::InvalidOptions(Attempt::new(
                "open",
                Access::Both,
                path,
            ))),
        }
    }

    fn mode(&self) -> Option<Mode> {
        let options = (
            self.read,
            self.write,
            self.append,
            self.truncate,
            self.create,
        );
        match options {
            (true, false, false, false, false) => Some(Mode::Read),
            (false, true, false, true, true) => Some(Mode::Write),
            // `append` is a way of writing.
            (false, _, true, false, true) => Some(Mode::Append),
            (true, true, false, false, true) => Some(Mode::ReadWrite),
            _ => None,
        }
    }
}
