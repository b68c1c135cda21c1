//! Why a running host can't be asked, or doesn't hear what is asked.

use std::path::PathBuf;
use std::time::Duration;

use super::problem::Problem;
use super::protocol::VERSION;
use crate::files::FileError;
use crate::home::HomeError;
use crate::kind::ErrorKind;
use crate::limits::control::MAX_FRAME;

/// Most characters that are quoted of what makes no sense.
const QUOTED: usize = 200;

/// Why a running host can't be asked, or doesn't hear what is asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No host runs on the home.
    #[error("no host runs on {home}")]
    NotRunning {
        /// The home.
        home: PathBuf,
    },
    /// One runs already.
    #[error("a host runs on {home} already, as process {pid}")]
    Running {
        /// The home.
        home: PathBuf,
        /// Its process.
        pid: u32,
    },
    /// The host is about to end.
    #[error("the host is shutting down")]
    Stopping,
    /// The other end speaks another version of the protocol.
    #[error(
        "astrid {} speaks version {VERSION} of the control protocol; the other end, astrid {astrid}, speaks version {version}",
        env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// Theirs.
        version: u32,
        /// Their release, as they say.
        astrid: String,
    },
    /// What was said is not of the protocol.
    #[error("what the other end of the control socket says makes no sense: {reason}")]
    Garbage {
        /// Why.
        reason: String,
    },
    /// A frame longer than may be.
    #[error("a frame of {bytes} bytes is longer than may cross a control socket, {MAX_FRAME}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The other end was silent for too long.
    #[error("the other end of the control socket said nothing for {limit:?}")]
    Silent {
        /// How long one waits.
        limit: Duration,
    },
    /// The other end closed the connection before all was said.
    #[error("the other end of the control socket hung up in the midst of it")]
    HungUp,
    /// The other end doesn't read what is said to it.
    #[error("the other end of the control socket read nothing for {limit:?}")]
    Unread {
        /// How long one waits.
        limit: Duration,
    },
    /// No place is left for a request of this kind, or for a silent connection.
    #[error("the host has {most} {what}, and takes no more")]
    Full {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// Somebody else's process.
    #[error("process of user {uid} at the control socket: it takes only those of user {us}")]
    Peer {
        /// Its user.
        uid: u32,
        /// Ours.
        us: u32,
    },
    /// The socket is somebody else's.
    #[error("{path} belongs to user {uid}, and this is user {us}")]
    Owner {
        /// The socket.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Ours.
        us: u32,
    },
    /// Its path is longer than the system takes for a socket.
    #[error("{path} is too long for a socket's path: there may be {most} bytes")]
    LongPath {
        /// The path.
        path: PathBuf,
        /// As many.
        most: usize,
    },
    /// The home can't be written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The system refused something with the socket, or with what belongs to it.
    #[error(transparent)]
    File(#[from] FileError),
}

impl ControlError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Running { .. } | Self::File(_) | Self::LongPath { .. } => ErrorKind::Home,
            Self::Home(error) => error.kind(),
            Self::NotRunning { .. }
            | Self::Garbage { .. }
            | Self::Silent { .. }
            | Self::Unread { .. }
            | Self::HungUp => ErrorKind::Control,
            Self::Stopping => ErrorKind::ShuttingDown,
            Self::Version { .. } => ErrorKind::Version,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Full { .. } => ErrorKind::Backpressure,
            Self::Peer { .. } | Self::Owner { .. } => ErrorKind::Policy,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotRunning { .. } => "start one: astrid run".into(),
            Self::Running { .. } => "stop it (astrid stop), or use another --home".into(),
            Self::Stopping => "ask again when it has ended, or when it is back".into(),
            Self::Version { .. } => {
                "use the astrid that the host was started with, or stop that host (end its process) and start it with this one: astrid run"
                    .into()
            }
            Self::Garbage { .. } | Self::Silent { .. } | Self::Unread { .. } => {
                "see what has run/control.sock of the home open: the process in run/pid should be `astrid run`".into()
            }
            Self::TooLarge { .. } => "ask for less at once".into(),
            Self::HungUp => "if the host has ended, start it again (astrid run); else ask again, and read what it says: after a minute unread it hangs up".into(),
            Self::Full { .. } => "let some of them end, then ask again".into(),
            Self::Peer { us, .. } => format!("ask as user {us}, who runs the host"),
            Self::Owner { path, .. } => {
                format!("remove {} if you don't know whose it is, and start the host again", path.display())
            }
            Self::LongPath { .. } => "use a --home with a shorter path".into(),
            Self::Home(error) => error.hint(),
            Self::File(error) => error.hint(),
        }
    }

    pub(super) fn garbage(error: &serde_json::Error) -> Self {
        let reason = error.to_string().chars().take(QUOTED).collect();
        Self::Garbage { reason }
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        Self::new(error.kind(), error.to_string()).hint(error.hint())
    }
}
