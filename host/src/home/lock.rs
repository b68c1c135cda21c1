//! Who holds a home: any number of readers, or one process that changes it, such as a running host.
//!
//! The lock is an flock on the home's own folder, which cannot be removed without the home. `run/lock` is taken besides,
//! for commands of earlier versions, which know only that.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::{Home, HomeError};
use crate::files::{FileError, identity};

/// How long a command waits for another one that holds the home.
pub(crate) const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two looks whether the home is free.
const LOCK_POLL: Duration = Duration::from_millis(25);

/// Holds the home, together with other readers, until dropped.
#[derive(Debug)]
pub struct HomeLock {
    /// The home's folder, then `run/lock`, as far as they are there.
    files: Vec<File>,
}

/// Holds the home alone until its last clone is dropped; what changes the home asks for one.
#[derive(Debug, Clone)]
pub struct ExclusiveLock {
    lock: Arc<HomeLock>,
    recovered: Arc<Mutex<bool>>,
}

impl ExclusiveLock {
    fn new(lock: HomeLock) -> Self {
        Self {
            lock: Arc::new(lock),
            recovered: Arc::default(),
        }
    }

    /// Whether the folder that is held is still the one at the home's path: false once it was removed, or moved away.
    pub(crate) fn is_of(&self, home: &Home) -> bool {
        let held = self
            .lock
            .files
            .first()
            .and_then(|folder| folder.metadata().ok());
        let there = std::fs::metadata(home.root()).ok();
        held.as_ref().map(identity) == there.as_ref().map(identity)
    }

    /// Lets one thread at a time change what is installed. The value tells whether what an earlier process left half
    /// done has been cleared away since the lock was taken: later, it would be what this one has under way.
    pub(crate) fn turn(&self) -> MutexGuard<'_, bool> {
        self.recovered.lock()
    }
}

/// A wait for a lock, which is tried again and again until a limit.
pub(crate) struct Patience {
    began: Instant,
    limit: Duration,
}

impl Patience {
    /// Begins a wait of at most `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            began: Instant::now(),
            limit,
        }
    }

    /// The pause before the next try; `None` once the limit is over.
    pub(crate) fn pause(&self) -> Option<Duration> {
        (self.began.elapsed() < self.limit).then_some(LOCK_POLL)
    }
}

/// How a home is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Shared,
    Alone,
}

impl Sharing {
    fn take(self, file: &File) -> Result<(), TryLockError> {
        match self {
            Self::Shared => file.try_lock_shared(),
            Self::Alone => file.try_lock(),
        }
    }
}

impl Home {
    /// Holds the home together with other readers.
    ///
    /// # Errors
    /// [`HomeError::Busy`] if a writer holds it for longer than ten seconds; [`HomeError::File`].
    pub fn lock_shared(&self) -> Result<HomeLock, HomeError> {
        self.lock(Sharing::Shared)
    }

    /// Holds the home alone: for commands that change what is installed, and for a running host.
    ///
    /// # Errors
    /// [`HomeError::Busy`] if another process holds it for longer than ten seconds; [`HomeError::File`].
    pub fn lock_exclusive(&self) -> Result<ExclusiveLock, HomeError> {
        Ok(ExclusiveLock::new(self.lock(Sharing::Alone)?))
    }

    /// [`Self::lock_shared`] without waiting; `None` if a writer holds it.
    ///
    /// # Errors
    /// [`HomeError::File`].
    pub fn try_lock_shared(&self) -> Result<Option<HomeLock>, HomeError> {
        self.attempt(Sharing::Shared)
    }

    /// [`Self::lock_exclusive`] without waiting; `None` if another process holds it.
    ///
    /// # Errors
    /// [`HomeError::File`].
    pub fn try_lock_exclusive(&self) -> Result<Option<ExclusiveLock>, HomeError> {
        Ok(self.attempt(Sharing::Alone)?.map(ExclusiveLock::new))
    }

    fn lock(&self, sharing: Sharing) -> Result<HomeLock, HomeError> {
        let patience = Patience::new(LOCK_PATIENCE);
        loop {
            if let Some(lock) = self.attempt(sharing)? {
                return Ok(lock);
            }
            match patience.pause() {
                Some(pause) => std::thread::sleep(pause),
                None => return Err(self.busy()),
            }
        }
    }

    fn attempt(&self, sharing: Sharing) -> Result<Option<HomeLock>, HomeError> {
        let path = self.root.join("run/lock");
        let mut options = OpenOptions::new();
        options.read(true).mode(0o600);
        // A reader makes nothing, and what isn't there is held by no process.
        if sharing == Sharing::Alone {
            options.write(true).create(true).truncate(false);
        }
        let mut files = Vec::with_capacity(2);
        for (path, opened) in [
            (self.root.as_path(), File::open(&self.root)),
            (&path, options.open(&path)),
        ] {
            let file = match opened {
                Ok(file) => file,
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && sharing == Sharing::Shared =>
                {
                    continue;
                }
                Err(error) => return Err(FileError::at("open", path)(error).into()),
            };
            match sharing.take(&file) {
                Ok(()) => files.push(file),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => {
                    return Err(FileError::at("lock", path)(source).into());
                }
            }
        }
        Ok(Some(HomeLock { files }))
    }

    /// The error for a command that has waited for the lock long enough.
    pub(crate) fn busy(&self) -> HomeError {
        HomeError::Busy {
            path: self.root.clone(),
            pid: holder(&self.root),
        }
    }
}

/// The process that `/proc/locks` names for an exclusive flock on a folder.
#[cfg(target_os = "linux")]
fn holder(folder: &Path) -> Option<u32> {
    let found = std::fs::metadata(folder).ok()?;
    let device = found.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    named(&locks, &format!("{major:02x}:{minor:02x}:{}", found.ino()))
}

#[cfg(not(target_os = "linux"))]
fn holder(_folder: &Path) -> Option<u32> {
    None
}

/// The process of the line of `/proc/locks` that tells of an exclusive flock on `file`, its device and inode. A process
/// outside of this namespace has no number above 0.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux has /proc/locks")
)]
fn named(locks: &str, file: &str) -> Option<u32> {
    let of = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let kind = [words.next()?, words.next()?, words.next()?];
        let (pid, locked) = (words.next()?.parse().ok()?, words.next()?);
        (kind == ["FLOCK", "ADVISORY", "WRITE"] && locked == file && pid > 0).then_some(pid)
    };
    locks.lines().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_read_from_the_kernels_table() {
        let locks = "1: FLOCK  ADVISORY  WRITE 757 fe:00:1234 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 8 fe:00:99 0 EOF\n\
                     3: FLOCK  ADVISORY  READ 9 fe:00:99 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 10 fe:00:99 0 EOF\n\
                     damaged\n";
        assert_eq!(named(locks, "fe:00:1234"), Some(757));
        assert_eq!(named(locks, "fe:00:99"), None);
        assert_eq!(named("", "fe:00:99"), None);
    }

    #[test]
    fn a_home_whose_lock_file_was_removed_is_still_held() {
        let home = Home::ephemeral().expect("a home");
        let held = home.lock_exclusive().expect("free");
        std::fs::remove_file(home.root().join("run/lock")).expect("removed");
        assert!(home.try_lock_exclusive().expect("asked").is_none());
        assert!(home.try_lock_shared().expect("asked").is_none());
        if cfg!(target_os = "linux") {
            assert_eq!(holder(home.root()), Some(std::process::id()));
        }
        drop(held);
        assert!(home.try_lock_exclusive().expect("asked").is_some());
    }

    #[test]
    fn a_home_that_was_moved_away_is_not_the_one_that_is_held() {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, moved) = (dir.path().join("home"), dir.path().join("moved"));
        let home = Home::open(&path).expect("made");
        let held = home.lock_exclusive().expect("free");
        assert!(held.is_of(&home));
        std::fs::rename(&path, &moved).expect("moved");
        assert!(!held.is_of(&home));
        let other = Home::open(&path).expect("made");
        assert!(!held.is_of(&other), "another one took its place");
        assert!(held.is_of(&Home::open(&moved).expect("there")));
    }

    #[test]
    fn an_earlier_version_that_holds_only_the_file_is_waited_for() {
        let home = Home::ephemeral().expect("a home");
        let file = File::create(home.root().join("run/lock")).expect("made");
        file.lock().expect("free");
        assert!(home.try_lock_exclusive().expect("asked").is_none());
        assert!(home.try_lock_shared().expect("asked").is_none());
        drop(file);
        assert!(home.try_lock_shared().expect("asked").is_some());
    }

    #[test]
    fn a_home_that_is_not_there_is_looked_at_and_not_made() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("home");
        let home = Home::look(&path).expect("none is needed");
        assert!(home.try_lock_shared().expect("asked").is_some());
        assert!(!path.exists());
        std::fs::create_dir(&path).expect("made");
        let home = Home::look(&path).expect("it is empty");
        assert!(home.try_lock_shared().expect("asked").is_some());
        assert_eq!(std::fs::read_dir(&path).expect("there").count(), 0);
    }
}
