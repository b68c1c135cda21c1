//! A running host's end of the socket: lets commands in until it is told to stop.

use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, FAREWELL, Shared};
use super::error::ControlError;
use super::operator::{Operator, Running};
use super::places::Places;
use super::socket::{self, Socket};
use crate::home::{ExclusiveLock, Home};
use crate::host::Host;

/// How often a host looks whether its socket is still there.
const LOOK: Duration = Duration::from_secs(1);
/// The pause after a connection that could not be taken, such as when there is no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest time that what is in flight is given at the end, a day: nobody waits for longer.
pub const LONGEST_DRAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// A host that listens on the control socket of its home, and serves when told to.
///
/// ```no_run
/// use std::time::Duration;
/// use astrid_host::control::{self, Server};
/// use astrid_host::{Home, Host};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let home = Home::open("/var/lib/astrid")?;
/// // Whoever holds the home alone is its host: the commands ask it from now on.
/// let lock = control::claim(&home).await?;
/// let host = Host::builder().home(home).build().await?;
/// host.load_all_installed(Duration::from_secs(10)).await?;
///
/// let server = Server::bind(&host, lock, Duration::from_secs(10))?;
/// let stopper = server.stopper();
/// tokio::spawn(async move {
///     if tokio::signal::ctrl_c().await.is_ok() {
///         stopper.stop();
///     }
/// });
/// // Until Ctrl-C, or `astrid stop`.
/// let ended = server.serve().await;
/// println!("all that was in flight was done: {}", ended.drained);
/// # Ok(()) }
/// ```
pub struct Server {
    socket: Socket,
    shared: Shared,
    host: Host,
    at_once: CancellationToken,
}

/// Tells a server to stop, from wherever that is found out.
#[derive(Debug, Clone)]
pub struct Stopper {
    stop: CancellationToken,
    at_once: CancellationToken,
}

impl Stopper {
    /// Lets it end when what is in flight is done, or its time is over.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Lets it end now: what is in flight is cancelled.
    pub fn cancel(&self) {
        self.at_once.cancel();
        self.stop.cancel();
    }
}

/// How a host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Whether everything that was in flight came to its end.
    pub drained: bool,
}

impl Server {
    /// Listens for a host, with the lock of its home. What is in flight at the end may take `drain`, at most a day.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn bind(host: &Host, lock: ExclusiveLock, drain: Duration) -> Result<Self, ControlError> {
        let drain = drain.min(LONGEST_DRAIN);
        let socket = Socket::bind(host.home())?;
        let stop = CancellationToken::new();
        let running = Running {
            host: host.clone(),
            stop: stop.clone(),
            drain,
        };
        Ok(Self {
            socket,
            shared: Shared {
                operator: Operator::running(running, lock),
                places: Places::new(),
                stop,
                cancel: CancellationToken::new(),
                drain,
            },
            host: host.clone(),
            at_once: CancellationToken::new(),
        })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        self.socket.path()
    }

    /// What tells it to stop.
    pub fn stopper(&self) -> Stopper {
        Stopper {
            stop: self.shared.stop.clone(),
            at_once: self.at_once.clone(),
        }
    }

    /// Serves until a command or a [`Stopper`] says stop. Then nothing more is taken, and what is in flight has its time
    /// to be done; when that is over, it is cancelled. Then the run loops have ended, and the logs are written: at most
    /// two seconds later.
    pub async fn serve(self) -> Ended {
        let Self {
            mut socket,
            shared,
            host,
            at_once,
        } = self;
        let mut connections = JoinSet::new();
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = accept(&mut socket, &host, &shared, &mut connections) => {}
        }
        shared.stop.cancel();
        // Who comes from now on waits for the home.
        let _pid = socket.close();
        let done = async {
            let answered = timeout(shared.drain, all(&mut connections));
            let (drained, answered) = tokio::join!(host.shutdown(shared.drain), answered);
            drained && answered.is_ok()
        };
        let drained = tokio::select! {
            drained = done => drained,
            () = at_once.cancelled() => {
                host.shutdown(Duration::ZERO).await;
                false
            }
        };
        // The last word of a guest that was ended is passed on; who doesn't read what is said to it is left.
        let _ = timeout(FAREWELL, all(&mut connections)).await;
        shared.cancel.cancel();
        let _ = timeout(FAREWELL, all(&mut connections)).await;
        connections.abort_all();
        Ended { drained }
    }
}

/// Waits for the end of all connections.
async fn all(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// Listens anew where the socket's file was removed. `failure` is why it could not the last time, which is said once.
fn mend(socket: &mut Socket, home: &Home, failure: &mut Option<String>) {
    let mended = socket.mend(home);
    let before = std::mem::replace(failure, mended.as_ref().err().map(ToString::to_string));
    match mended {
        Ok(false) => {}
        Ok(true) => {
            tracing::warn!(path = %socket.path().display(), "the control socket was removed: it is made again")
        }
        Err(_) if before == *failure => {}
        Err(error) => {
            tracing::warn!(%error, "the control socket was removed, and cannot be made again")
        }
    }
}

/// Takes connections for as long as the home is there.
async fn accept(socket: &mut Socket, host: &Host, shared: &Shared, connections: &mut JoinSet<()>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failure = None;
    loop {
        let accepted = tokio::select! {
            accepted = socket.listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = looks.tick() => {
                if !shared.operator.holds_its_home() {
                    let home = host.home().root().display();
                    tracing::warn!(%home, "the home was removed or moved away: the host ends");
                    return;
                }
                mend(socket, host.home(), &mut failure);
                continue;
            }
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the control socket can't be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let admitted = socket::admit(&stream).map(|()| shared.places.silent());
        let shared = shared.clone();
        connections.spawn(async move {
            let mut connection = Connection::new(stream, shared);
            let done = match admitted {
                Ok(silent) => connection.serve(silent).await,
                Err(error) => connection.farewell(error).await,
            };
            if let Err(error) = done {
                tracing::debug!(%error, "a connection to the control socket is over");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    use super::*;
    use crate::Home;
    use crate::control::frame::{self, UNREAD};
    use crate::control::message::seal;
    use crate::control::requests::{Logs, Request};
    use crate::names::{CapsuleName, PrincipalId};
    use crate::storage::{LogLevel, LogRecord};

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_let_go() {
        let home = Home::ephemeral().expect("a home");
        let principal = PrincipalId::default_principal();
        let folder = home.principal_dir(&principal).join("log/hello");
        std::fs::create_dir_all(&folder).expect("made");
        let record = LogRecord {
            time: jiff::Timestamp::UNIX_EPOCH,
            level: LogLevel::Info,
            principal: "default".into(),
            capsule: "hello".into(),
            message: "m".repeat(10_000),
        };
        let mut line = serde_json::to_vec(&record).expect("a document");
        line.push(b'\n');
        // Far more than a socket holds.
        let log = line.repeat(1_000);
        std::fs::write(folder.join("1970-01-01.log"), &log).expect("written");

        let host = Host::builder().one_shot().home(home.clone());
        let host = host.build().await.expect("a host");
        let lock = home.lock_exclusive().expect("held");
        let server = Server::bind(&host, lock, Duration::ZERO).expect("bound");
        let mut stream = UnixStream::connect(server.path()).await.expect("connected");
        let stopper = server.stopper();
        let serving = tokio::spawn(server.serve());
        let request = Request::from(Logs {
            capsule: CapsuleName::parse("hello").expect("a name"),
            principal,
            follow: true,
        });
        let request = seal(&request).expect("a frame");
        frame::write(&mut stream, &request).await.expect("asked");
        // The clock stands still for as long as there is anything to do.
        tokio::time::sleep(2 * UNREAD).await;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("closed");
        assert!(!all.is_empty() && all.len() < log.len(), "{}", all.len());
        stopper.stop();
        serving.await.expect("ended");
    }
}
