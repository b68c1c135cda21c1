//! Tells when a profile is edited by hand, so that no call has to look.
//!
//! The system tells of each change where it can (inotify); elsewhere every profile is read again when it is next needed.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Principals;

/// A watch that ends with this.
pub(crate) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_millis(500);

/// Says what changes in `dir`, within half a second.
///
/// # Errors
/// The system gives no watch.
pub(crate) fn start(dir: &Path, changed: impl Fn(&Changed) + Send + 'static) -> io::Result<Watch> {
    let watched = system::Watched::new(dir)?;
    Ok(Watch(tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = watched.look(&changed) {
                tracing::error!("profiles are not watched any more: {error}");
                return;
            }
        }
    })))
}

/// What has changed.
pub(crate) enum Changed {
    /// The file of this name.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "no system tells")
    )]
    File(String),
    /// Any of them.
    Any,
}

impl Changed {
    /// Has the principals read again.
    pub(crate) fn forget(&self, principals: &Principals) {
        match self {
            Self::Any => principals.forget(None),
            Self::File(name) => {
                let name = name.strip_suffix(".toml").unwrap_or_default();
                if let Ok(id) = name.parse() {
                    principals.forget(Some(&id));
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use rustix::io::Errno;

    use super::Changed;

    pub(super) struct Watched(OwnedFd);

    impl Watched {
        pub(super) fn new(dir: &Path) -> io::Result<Self> {
            let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            let changes = WatchFlags::CLOSE_WRITE
                | WatchFlags::MODIFY
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE;
            inotify::add_watch(&inotify, dir, changes)?;
            Ok(Self(inotify))
        }

        /// What has changed since the last time.
        pub(super) fn look(&self, changed: &impl Fn(&Changed)) -> io::Result<()> {
            let mut room = [const { MaybeUninit::uninit() }; 4_096];
            let mut events = inotify::Reader::new(&self.0, &mut room);
            loop {
                match events.next() {
                    Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => {
                        changed(&Changed::Any);
                    }
                    Ok(event) => {
                        if let Some(name) = event.file_name() {
                            changed(&Changed::File(name.to_string_lossy().into_owned()));
                        }
                    }
                    Err(Errno::AGAIN) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::path::Path;

    use super::Changed;

    pub(super) struct Watched;

    impl Watched {
        pub(super) fn new(_dir: &Path) -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn look(&self, changed: &impl Fn(&Changed)) -> io::Result<()> {
            changed(&Changed::Any);
            Ok(())
        }
    }
}
