//! What is done with files, by paths that were granted.

use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;

use super::handle::{has_one_name, open_regular};
use super::whole::{self, Destination};
use super::{Folders, FsError, Grants, GuestPath, Mount, OpenFile, OpenMode, Space, Stat};
use crate::limits::fs::{ENTRIES, FILE_BYTES};
use crate::policy::gate::Access;

/// The files of a principal, as a capsule may use them. Each function blocks, and presumes that a grant covers its paths.
#[derive(Debug)]
pub(crate) struct Files {
    folders: Folders,
    grants: Grants,
    space: Arc<Space>,
}

/// The names of a folder.
pub(crate) struct Names {
    /// Sorted.
    pub(crate) names: Vec<String>,
    /// How many were left out because they are no UTF-8.
    pub(crate) skipped: usize,
}

/// A path in the folder that it is resolved beneath.
struct Place {
    dir: Arc<Dir>,
    /// Never empty: `.` for the folder itself.
    path: PathBuf,
}

impl Files {
    /// Those in these folders, as the manifest grants them, within the principal's space.
    pub(crate) fn new(folders: Folders, grants: Grants, space: Arc<Space>) -> Self {
        Self {
            folders,
            grants,
            space,
        }
    }

    /// The bytes of the principal's files.
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.space
    }

    fn place(&self, access: Access, path: &GuestPath) -> Result<Place, FsError> {
        if access == Access::Write {
            self.folders.writable(path.mount)?;
        }
        let grant = self.grants.covering(access, path);
        let grant = grant.ok_or(FsError::Access)?;
        let below = path.relative().strip_prefix(&grant.subtree);
        let below = below.unwrap_or(path.relative());
        if below == Path::new("") && grant.subtree != Path::new("") {
            // The granted folder or file itself, which may not be there.
            return Ok(Place {
                dir: self.folders.mount(grant.mount)?,
                path: grant.subtree.clone(),
            });
        }
        Ok(Place {
            dir: self.folders.granted(grant)?,
            path: match below == Path::new("") {
                true => ".".into(),
                false => below.to_owned(),
            },
        })
    }

    /// What bytes in a mount count against; the workspace's own count nowhere.
    fn space_of(&self, path: &GuestPath) -> Option<&Arc<Space>> {
        (path.mount != Mount::Workspace).then_some(&self.space)
    }

    /// Opens a file.
    pub(crate) fn open(&self, path: &GuestPath, mode: OpenMode) -> Result<OpenFile, FsError> {
        let access = match mode {
            OpenMode::Read => Access::Read,
            OpenMode::Write | OpenMode::Append | OpenMode::ReadWrite => Access::Write,
        };
        let Place { dir, path: at } = self.place(access, path)?;
        OpenFile::open(&dir, &at, mode, self.space_of(path).cloned())
    }

    /// Whether there is something; a link must lead to it.
    pub(crate) fn exists(&self, path: &GuestPath) -> Result<bool, FsError> {
        match self.stat(path, true) {
            Ok(_) => Ok(true),
            Err(FsError::NotFound | FsError::NotDirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What is told of a file or folder, or of a link itself.
    pub(crate) fn stat(&self, path: &GuestPath, follow: bool) -> Result<Stat, FsError> {
        let Place { dir, path } = self.place(Access::Read, path)?;
        let found = match follow {
            true => dir.metadata(&path)?,
            false => dir.symlink_metadata(&path)?,
        };
        Ok(Stat::of(&found))
    }

    /// Makes a folder; with `all`, those above it, too, and it may be there.
    pub(crate) fn make_dir(&self, path: &GuestPath, all: bool) -> Result<(), FsError> {
        if all {
            // What is granted may not be there yet, and is made with the rest.
            self.make_granted(path)?;
        }
        let Place { dir, path } = self.place(Access::Write, path)?;
        if !all {
            return Ok(dir.create_dir(&path)?);
        }
        match dir.create_dir_all(&path) {
            Ok(()) => Ok(()),
            Err(error) => match (dir.metadata(&path), FsError::from(error)) {
                (Ok(found), _) if found.is_dir() => Ok(()),
                (Ok(_), FsError::AlreadyExists) => Err(FsError::AlreadyExists),
                (_, error) => Err(error),
            },
        }
    }

    /// Makes the folder of the grant that covers a path below it, if there is nothing yet.
    fn make_granted(&self, path: &GuestPath) -> Result<(), FsError> {
        self.folders.writable(path.mount)?;
        let grant = self.grants.covering(Access::Write, path);
        let grant = grant.ok_or(FsError::Access)?;
        if grant.subtree == Path::new("") || grant.subtree == path.relative() {
            return Ok(());
        }
        let mount = self.folders.mount(grant.mount)?;
        match mount.symlink_metadata(&grant.subtree) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(mount.create_dir_all(&grant.subtree)?)
            }
            _ => Ok(()),
        }
    }

    /// The names in a folder.
    pub(crate) fn read_dir(&self, path: &GuestPath) -> Result<Names, FsError> {
        let Place { dir, path } = self.place(Access::Read, path)?;
        let (mut names, mut skipped) = (Vec::new(), 0);
        for entry in dir.read_dir(&path)? {
            match entry?.file_name().into_string() {
                Ok(name) => names.push(name),
                Err(_) => skipped += 1,
            }
            if names.len() + skipped > ENTRIES {
                return Err(FsError::TooLarge);
            }
        }
        names.sort_unstable();
        Ok(Names { names, skipped })
    }

    /// Removes a file or a link.
    pub(crate) fn unlink(&self, path: &GuestPath) -> Result<(), FsError> {
        let space = self.space_of(path);
        let Place { dir, path } = self.place(Access::Write, path)?;
        let found = dir.symlink_metadata(&path)?;
        if found.is_dir() {
            return Err(FsError::IsDirectory);
        }
        dir.remove_file(&path)?;
        if let Some(space) = space
            && found.is_file()
            && has_one_name(&found).is_ok()
        {
            space.give_back(found.len());
        }
        Ok(())
    }

    /// All of a file.
    pub(crate) fn read(&self, path: &GuestPath) -> Result<Vec<u8>, FsError> {
        let Place { dir, path } = self.place(Access::Read, path)?;
        let (file, found) = open_regular(&dir, &path, OpenMode::Read, true)?;
        let size = usize::try_from(found.len()).unwrap_or(usize::MAX);
        if size > FILE_BYTES {
            return Err(FsError::TooLarge);
        }
        let mut bytes = Vec::with_capacity(size + 1);
        // It may have grown since.
        file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > FILE_BYTES {
            return Err(FsError::TooLarge);
        }
        Ok(bytes)
    }

    /// Writes a file whole, or not at all.
    pub(crate) fn write(&self, path: &GuestPath, bytes: &[u8]) -> Result<(), FsError> {
        if bytes.len() > FILE_BYTES {
            return Err(FsError::TooLarge);
        }
        let space = self.space_of(path);
        let Place { dir, path } = self.place(Access::Write, path)?;
        let destination = Destination::find(&dir, &path)?;
        destination.replace(bytes.len() as u64, space, whole::bytes(bytes))
    }

    /// Writes at the end of a file, which is made if it is not there.
    pub(crate) fn append(&self, path: &GuestPath, bytes: &[u8]) -> Result<(), FsError> {
        if bytes.len() > FILE_BYTES {
            return Err(FsError::TooLarge);
        }
        let space = self.space_of(path);
        let Place { dir, path } = self.place(Access::Write, path)?;
        let (mut file, found) = open_regular(&dir, &path, OpenMode::Append, true)?;
        has_one_name(&found)?;
        if let Some(space) = space {
            space.take(bytes.len() as u64)?;
        }
        file.write_all(bytes).map_err(|error| {
            // What is there in part goes again.
            let undone = file.set_len(found.len());
            if let (Some(space), Ok(())) = (space, undone) {
                space.give_back(bytes.len() as u64);
            }
            error.into()
        })
    }

    /// Copies a file, whole or not at all.
    pub(crate) fn copy(&self, from: &GuestPath, to: &GuestPath) -> Result<(), FsError> {
        let source = self.place(Access::Read, from)?;
        let (file, found) = open_regular(&source.dir, &source.path, OpenMode::Read, true)?;
        let space = self.space_of(to);
        let Place { dir, path } = self.place(Access::Write, to)?;
        let destination = Destination::find(&dir, &path)?;
        destination.replace(found.len(), space, whole::copy(&file, found.len()))
    }

    /// Renames a file or folder, within one mount.
    pub(crate) fn rename(&self, from: &GuestPath, to: &GuestPath) -> Result<(), FsError> {
        if from.mount != to.mount {
            return Err(FsError::CrossVfs);
        }
        let source = self.place(Access::Write, from)?;
        let target = self.place(Access::Write, to)?;
        let replaced = target.dir.symlink_metadata(&target.path).ok();
        source.dir.rename(&source.path, &target.dir, &target.path)?;
        if let (Some(space), Some(replaced)) = (self.space_of(to), replaced)
            && from != to
            && replaced.is_file()
            && has_one_name(&replaced).is_ok()
        {
            space.give_back(replaced.len());
        }
        Ok(())
    }

    /// Removes a folder with all that is in it; tells how many entries went, itself included.
    pub(crate) fn remove_dir_all(&self, path: &GuestPath) -> Result<u64, FsError> {
        let space = self.space_of(path);
        let Place { dir, path } = self.place(Access::Write, path)?;
        if path == Path::new(".") {
            // The mount itself stays.
            return Err(FsError::Access);
        }
        super::remove::remove_all(&dir, &path, space)
    }

    /// The path without links, as a guest may write it.
    pub(crate) fn canonicalize(&self, path: &GuestPath) -> Result<String, FsError> {
        let place = self.place(Access::Read, path)?;
        let found = place.dir.canonicalize(&place.path)?;
        let above = match self.grants.covering(Access::Read, path) {
            // A granted folder itself is resolved from its mount on.
            Some(grant) if grant.subtree != path.relative() => grant.subtree.as_path(),
            _ => Path::new(""),
        };
        let whole = above.join(found);
        let whole = whole.to_str().ok_or(FsError::InvalidPath)?;
        Ok(GuestPath::new(path.mount, whole)?.to_string())
    }

    /// Where a link leads, as a guest may write it, if that is nowhere out. There need be nothing.
    pub(crate) fn read_link(&self, path: &GuestPath) -> Result<String, FsError> {
        let place = self.place(Access::Read, path)?;
        // Of one that is absolute cap-std says that it leads out.
        let target = place.dir.read_link(&place.path)?;
        let grant = self.grants.covering(Access::Read, path);
        let floor = grant.ok_or(FsError::Access)?.subtree.as_path();
        let mut whole = path.relative().to_owned();
        whole.pop();
        for part in target.components() {
            match part {
                Component::Normal(name) => whole.push(name),
                Component::CurDir => {}
                Component::ParentDir if whole != floor && whole.pop() => {}
                _ => return Err(FsError::BoundaryEscape),
            }
        }
        let whole = whole.to_str().ok_or(FsError::InvalidPath)?;
        Ok(GuestPath::new(path.mount, whole)?.to_string())
    }

    /// Gives a file a second name, within one mount.
    pub(crate) fn hard_link(&self, from: &GuestPath, to: &GuestPath) -> Result<(), FsError> {
        if from.mount != to.mount {
            return Err(FsError::CrossVfs);
        }
        let source = self.place(Access::Write, from)?;
        let found = source.dir.symlink_metadata(&source.path)?;
        if found.is_dir() {
            return Err(FsError::IsDirectory);
        }
        if !found.is_file() {
            return Err(FsError::Access);
        }
        let target = self.place(Access::Write, to)?;
        Ok(source
            .dir
            .hard_link(&source.path, &target.dir, &target.path)?)
    }
}
