//! What a folder holds.

use super::{Error, FileType, Metadata, symlink_metadata};

/// The entries of a folder, in the order of their names' bytes. See [`read_dir`](super::read_dir).
#[derive(Clone, Debug)]
pub struct ReadDir {
    folder: String,
    names: std::vec::IntoIter<String>,
}

impl ReadDir {
    pub(super) fn new(folder: &str, mut names: Vec<String>) -> Self {
        // Hosts list in whatever order their file system has.
        names.sort_unstable();
        let mut folder = folder.to_owned();
        if !folder.ends_with('/') {
            folder.push('/');
        }
        Self {
            folder,
            names: names.into_iter(),
        }
    }

    fn entry(&self, name: String) -> DirEntry {
        DirEntry {
            path: format!("{}{name}", self.folder),
            name,
        }
    }
}

impl Iterator for ReadDir {
    type Item = DirEntry;

    fn next(&mut self) -> Option<DirEntry> {
        let name = self.names.next()?;
        Some(self.entry(name))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.names.size_hint()
    }
}

impl DoubleEndedIterator for ReadDir {
    fn next_back(&mut self) -> Option<DirEntry> {
        let name = self.names.next_back()?;
        Some(self.entry(name))
    }
}

impl ExactSizeIterator for ReadDir {}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    path: String,
    name: String,
}

impl DirEntry {
    /// Its name within the folder.
    pub fn file_name(&self) -> &str {
        &self.name
    }

    /// The folder's path, as it was given, with the name: what other functions take.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is known of it; of a link, not of what it leads to.
    pub fn metadata(&self) -> Result<Metadata, Error> {
        symlink_metadata(&self.path)
    }

    /// What it is. This asks the host.
    pub fn file_type(&self) -> Result<FileType, Error> {
        Ok(self.metadata()?.file_type())
    }
}
