//! Where a running host is asked: `run/control.sock` of the home, for its user alone.
//!
//! A socket's path has at most 107 bytes on Linux, which a home may well be longer than: there it is reached by way of
//! `/proc/self/fd`, with the folder held open.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::error::ControlError;
use super::protocol::SOCKET;
use crate::files::{self, FileError, make_dir, write_whole};
use crate::home::Home;

/// The file beside it that tells people which process listens.
const PID: &str = "pid";
/// Bytes of `sun_path`, its closing zero included: 108 on Linux, 104 on macOS and the BSDs.
const SUN_PATH: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

/// A listening socket. Its file is gone when this is dropped.
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    file: Made,
    pid: Made,
}

/// A file that was made here. It is removed when this is dropped, unless another one has taken its name.
pub(super) struct Made {
    path: PathBuf,
    /// Device and inode; none once the file is gone.
    identity: Option<(u64, u64)>,
}

/// The socket of a home.
pub(super) fn path(home: &Home) -> PathBuf {
    home.run_dir().join(SOCKET)
}

impl Socket {
    /// Listens. The home is held alone, so a socket that is there is of a process that is not.
    pub(super) fn bind(home: &Home) -> Result<Self, ControlError> {
        let (run, path) = (home.run_dir(), path(home));
        make_dir(&run)?;
        // So that there is no moment in which others could connect, whatever the mode of new files is.
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700))
            .map_err(FileError::at("set the mode of", &run))?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FileError::at("replace", &path)(error).into());
            }
            _ => {}
        }
        let reachable = Reachable::new(&run, &path)?;
        let listener =
            UnixListener::bind(&reachable.path).map_err(FileError::at("listen on", &path))?;
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&path, private).map_err(FileError::at("set the mode of", &path))?;
        let file = Made::new(path)?;
        let pid = run.join(PID);
        write_whole(&pid, format!("{}\n", std::process::id()).as_bytes())?;
        Ok(Self {
            listener,
            file,
            pid: Made::new(pid)?,
        })
    }

    /// Listens anew if the socket's file is gone, or another one is in its place; then true. Connections that were
    /// taken go on.
    pub(super) fn mend(&mut self, home: &Home) -> Result<bool, ControlError> {
        if self.file.is_there() {
            return Ok(false);
        }
        let mut gone = std::mem::replace(self, Self::bind(home)?);
        // The new files may have got the very inodes of those that are gone.
        gone.file.identity = None;
        gone.pid.identity = None;
        Ok(true)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Listens no more. What is left tells people which process still holds the home.
    pub(super) fn close(self) -> Made {
        self.pid
    }
}

impl Made {
    fn new(path: PathBuf) -> Result<Self, ControlError> {
        let identity = identity(&path).map_err(FileError::at("look at", &path))?;
        Ok(Self {
            path,
            identity: Some(identity),
        })
    }

    fn is_there(&self) -> bool {
        self.identity.is_some() && identity(&self.path).ok() == self.identity
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| files::identity(&found))
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.is_there()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "it can't be removed");
        }
    }
}

/// Connects to the host that listens; none if nobody does.
pub(super) async fn connect(home: &Home) -> Result<Option<UnixStream>, ControlError> {
    let path = path(home);
    let found = match fs::symlink_metadata(&path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::at("look at", &path)(error).into()),
    };
    let us = us();
    if found.uid() != us {
        let uid = found.uid();
        return Err(ControlError::Owner { path, uid, us });
    }
    let reachable = Reachable::new(&home.run_dir(), &path)?;
    let stream = match UnixStream::connect(&reachable.path).await {
        Ok(stream) => stream,
        // A dead host's, or one whose queue is full just now.
        Err(error) if is_nobody(&error) => return Ok(None),
        Err(error) => return Err(FileError::at("connect to", &path)(error).into()),
    };
    admit(&stream)?;
    Ok(Some(stream))
}

fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound, WouldBlock};
    matches!(error.kind(), ConnectionRefused | NotFound | WouldBlock)
}

/// Refuses the process at the other end unless it is ours, or root's.
pub(super) fn admit(stream: &UnixStream) -> Result<(), ControlError> {
    let peer = stream
        .peer_cred()
        .map_err(FileError::at("ask who is at", SOCKET.as_ref()))?;
    admitted(peer.uid(), us())
}

fn admitted(uid: u32, us: u32) -> Result<(), ControlError> {
    if uid == us || uid == 0 {
        Ok(())
    } else {
        Err(ControlError::Peer { uid, us })
    }
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A path of the socket that is short enough.
struct Reachable {
    path: PathBuf,
    /// Held open for as long as the path leads through it.
    _folder: Option<File>,
}

impl Reachable {
    fn new(run: &Path, path: &Path) -> Result<Self, ControlError> {
        if path.as_os_str().len() < SUN_PATH {
            return Ok(Self {
                path: path.to_owned(),
                _folder: None,
            });
        }
        if !cfg!(target_os = "linux") {
            return Err(ControlError::LongPath {
                path: path.to_owned(),
                most: SUN_PATH - 1,
            });
        }
        let folder = File::open(run).map_err(FileError::at("open", run))?;
        Ok(Self {
            path: Path::new("/proc/self/fd")
                .join(folder.as_raw_fd().to_string())
                .join(SOCKET),
            _folder: Some(folder),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_processes_and_roots_are_admitted() {
        assert!(admitted(7, 7).is_ok() && admitted(0, 7).is_ok());
        for (uid, us) in [(8, 7), (7, 0), (u32::MAX, 7)] {
            assert!(matches!(admitted(uid, us), Err(ControlError::Peer { .. })));
        }
    }

    #[tokio::test]
    async fn it_is_for_its_user_alone_and_gone_afterwards() {
        let home = Home::ephemeral().expect("a home");
        fs::set_permissions(home.run_dir(), fs::Permissions::from_mode(0o755)).expect("set");
        let socket = Socket::bind(&home).expect("bound");
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        assert_eq!((mode(&path(&home)), mode(&home.run_dir())), (0o600, 0o700));
        let pid = fs::read_to_string(home.run_dir().join(PID)).expect("there");
        assert_eq!(pid.trim(), std::process::id().to_string());
        assert!(connect(&home).await.expect("connected").is_some());
        drop(socket);
        assert!(!path(&home).exists() && !home.run_dir().join(PID).exists());
        assert!(connect(&home).await.expect("asked").is_none());
    }

    #[tokio::test]
    async fn what_a_dead_host_left_is_replaced() {
        let home = Home::ephemeral().expect("a home");
        drop(std::os::unix::net::UnixListener::bind(path(&home)).expect("bound"));
        assert!(connect(&home).await.expect("asked").is_none());
        let _socket = Socket::bind(&home).expect("bound again");
        assert!(connect(&home).await.expect("connected").is_some());
    }

    #[tokio::test]
    async fn a_socket_that_was_removed_is_made_again() {
        let home = Home::ephemeral().expect("a home");
        let mut socket = Socket::bind(&home).expect("bound");
        assert!(!socket.mend(&home).expect("looked"), "nothing is amiss");
        fs::remove_file(path(&home)).expect("removed");
        assert!(socket.mend(&home).expect("bound again"));
        assert!(connect(&home).await.expect("connected").is_some());
        fs::remove_dir_all(home.run_dir()).expect("removed");
        assert!(socket.mend(&home).expect("bound again"));
        assert!(connect(&home).await.expect("connected").is_some());
        drop(socket);
        assert!(!path(&home).exists() && !home.run_dir().join(PID).exists());
    }

    #[tokio::test]
    async fn what_another_host_made_in_its_place_stays() {
        let home = Home::ephemeral().expect("a home");
        let ended = Socket::bind(&home).expect("bound");
        let _other = Socket::bind(&home).expect("bound");
        drop(ended);
        assert!(connect(&home).await.expect("connected").is_some());
        assert!(home.run_dir().join(PID).exists());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_long_path_is_gone_around() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::open(dir.path().join("x".repeat(150))).expect("made");
        let _socket = Socket::bind(&home).expect("bound");
        assert!(path(&home).exists());
        assert!(connect(&home).await.expect("connected").is_some());
    }
}
