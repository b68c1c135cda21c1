//! The folders of a principal with a capsule, opened when they are first used.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use parking_lot::Mutex;

use super::grants::Grant;
use super::{FsError, Mount};
use crate::files::make_dir;

/// Folders that existing capsules expect in `home://`.
const IN_HOME: [&str; 2] = [".config", ".local/share"];

/// Where the mounts are on this machine.
#[derive(Debug)]
pub(crate) struct Folders {
    workspace: Folder,
    read_only: bool,
    home: Folder,
    tmp: Folder,
    emptied: Arc<Emptied>,
}

/// The temporary folders that were emptied since the host began.
#[derive(Debug, Default)]
pub(crate) struct Emptied(Mutex<HashSet<PathBuf>>);

impl Emptied {
    /// Empties a folder, unless it was.
    fn empty(&self, path: &Path) -> io::Result<()> {
        // Held until it is empty: nobody uses it before.
        let mut emptied = self.0.lock();
        if emptied.contains(path) {
            return Ok(());
        }
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        emptied.insert(path.to_owned());
        Ok(())
    }
}

/// A folder that is opened once.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    open: OnceLock<Arc<Dir>>,
}

impl Folders {
    /// Folders at these places; that of the principal and the temporary one are made when they are used.
    /// That one is emptied when it is first used.
    pub(crate) fn new(
        workspace: PathBuf,
        home: PathBuf,
        tmp: PathBuf,
        emptied: Arc<Emptied>,
    ) -> Self {
        let folder = |path| Folder {
            path,
            open: OnceLock::new(),
        };
        Self {
            workspace: folder(workspace),
            read_only: false,
            home: folder(home),
            tmp: folder(tmp),
            emptied,
        }
    }

    /// The same, and nothing in the workspace is made, changed or removed.
    pub(crate) fn with_workspace_read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Refuses to write where nothing is written.
    pub(super) fn writable(&self, mount: Mount) -> Result<(), FsError> {
        match mount {
            Mount::Workspace if self.read_only => Err(FsError::Access),
            _ => Ok(()),
        }
    }

    /// The folder of a mount.
    pub(super) fn mount(&self, mount: Mount) -> Result<Arc<Dir>, FsError> {
        match mount {
            Mount::Workspace => self.workspace.open(|_| Ok(())),
            Mount::Home => self.home.open(|path| {
                make_dir(path).map_err(|error| error.source)?;
                for below in IN_HOME {
                    make_dir(&path.join(below)).map_err(|error| error.source)?;
                }
                Ok(())
            }),
            Mount::Tmp => self.tmp.open(|path| {
                self.emptied.empty(path)?;
                make_dir(path).map_err(|error| error.source)?;
                Ok(())
            }),
        }
    }

    /// The folder of a grant: everything in it is resolved beneath it.
    pub(super) fn granted(&self, grant: &Grant) -> Result<Arc<Dir>, FsError> {
        let mount = self.mount(grant.mount)?;
        if grant.subtree == Path::new("") {
            return Ok(mount);
        }
        Ok(Arc::new(mount.open_dir(&grant.subtree)?))
    }
}

impl Folder {
    fn open(&self, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<Arc<Dir>, FsError> {
        if let Some(open) = self.open.get() {
            return Ok(Arc::clone(open));
        }
        make(&self.path)?;
        let opened = Arc::new(Dir::open_ambient_dir(&self.path, ambient_authority())?);
        Ok(Arc::clone(self.open.get_or_init(|| opened)))
    }
}
