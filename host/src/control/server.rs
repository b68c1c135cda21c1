//! A running host's end of the socket: lets commands in, and carries out what they ask for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use super::error::ControlError;
use super::frame;
use super::message::{Answer, Heard, Hello, Remark, Remarks, Request, seal, unseal};
use super::operator::{Operator, Running};
use super::socket::{self, Socket};
use crate::Host;
use crate::home::{ExclusiveLock, Home};
use crate::kind::ErrorKind;
use crate::storage::LogRecord;

/// Most connections at once.
const CONNECTIONS: usize = 64;
/// How long a connection may take to ask for something.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection that was told that all is over may take to hear it.
const FAREWELL: Duration = Duration::from_millis(200);
/// How often a host looks whether its socket is still there.
const LOOK: Duration = Duration::from_secs(1);
/// The pause after a connection that could not be taken, such as when there is no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest time that what is in flight is given at the end, a day: nobody waits for longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Remarks that may wait for a client to take them.
const REMARKS: usize = 16;

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

/// What a connection needs.
#[derive(Clone)]
struct Shared {
    operator: Arc<Operator>,
    /// No request is taken any more.
    stop: CancellationToken,
    /// What is under way ends now.
    cancel: CancellationToken,
    drain: Duration,
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
        let drain = drain.min(LONGEST);
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

/// Listens anew where the socket's file was removed.
fn mend(socket: &mut Socket, home: &Home) {
    match socket.mend(home) {
        Ok(false) => {}
        Ok(true) => {
            tracing::warn!(path = %socket.path().display(), "the control socket was removed: it is made again")
        }
        Err(error) => {
            tracing::warn!(%error, "the control socket was removed, and cannot be made again")
        }
    }
}

/// Takes connections for ever.
async fn accept(socket: &mut Socket, host: &Host, shared: &Shared, connections: &mut JoinSet<()>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = socket.listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = looks.tick() => {
                mend(socket, host.home());
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
        let place = Arc::clone(&room).try_acquire_owned();
        let refused = match (socket::admit(&stream), &place) {
            (Err(error), _) => Some(error),
            (Ok(()), Err(_)) => Some(ControlError::Full { most: CONNECTIONS }),
            (Ok(()), Ok(_)) => None,
        };
        let shared = shared.clone();
        connections.spawn(async move {
            let _place = place;
            let mut connection = Connection::new(stream, shared);
            let done = match refused {
                // It is said at once or not at all: those who are refused take nobody's place.
                Some(error) => connection.farewell(error).await,
                None => connection.serve().await,
            };
            if let Err(error) = done {
                tracing::debug!(%error, "a connection to the control socket is over");
            }
        });
    }
}

struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    shared: Shared,
}

impl Connection {
    fn new(stream: UnixStream, shared: Shared) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
            shared,
        }
    }

    /// Serves it to its end.
    async fn serve(&mut self) -> Result<(), ControlError> {
        let pid = std::process::id();
        self.say(&Answer::Hello(Hello { pid })).await?;
        let stop = self.shared.stop.clone();
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => Err(ControlError::Stopping),
                next = timeout(PATIENCE, self.next()) => {
                    next.unwrap_or(Err(ControlError::Silent { limit: PATIENCE }))
                }
            };
            match next {
                Ok(Some(request)) => self.answer(request).await?,
                Ok(None) => return Ok(()),
                Err(error) => return self.farewell(error).await,
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Request>, ControlError> {
        match frame::read(&mut self.reader).await? {
            Some(json) => unseal(&json).map(Some),
            None => Ok(None),
        }
    }

    async fn say(&mut self, answer: &Answer) -> Result<(), ControlError> {
        frame::write(&mut self.writer, &seal(answer)?).await
    }

    /// The last word; whoever doesn't take it at once doesn't hear it.
    async fn farewell(&mut self, error: ControlError) -> Result<(), ControlError> {
        let failed = Answer::Failed(error.into());
        let said = timeout(FAREWELL, self.say(&failed)).await;
        said.unwrap_or(Ok(()))
    }

    /// Carries a request out, and says what there is to say meanwhile.
    async fn answer(&mut self, request: Request) -> Result<(), ControlError> {
        let host = self.shared.operator.host();
        let feed = request.heard().zip(host.map(Host::hear_logs));
        let (says, said) = mpsc::channel(REMARKS);
        let changes = request.changes();
        let Self {
            reader,
            writer,
            shared,
        } = self;
        let done = {
            let mut telling = std::pin::pin!(tell(writer, said, feed));
            let done = {
                let speaker = Speaker(says);
                let mut work = std::pin::pin!(request.carry_out(&shared.operator, &speaker));
                tokio::select! {
                    biased;
                    () = shared.cancel.cancelled() => Err(ControlError::Stopping.into()),
                    // It only ends if what is said can't be written.
                    told = &mut telling => {
                        if changes {
                            let _ = work.await;
                        }
                        return told;
                    }
                    done = &mut work => done,
                    () = gone(reader), if !changes => return Err(ControlError::HungUp),
                }
            };
            // What was remarked comes before the reply.
            telling.await?;
            done
        };
        let answer = match done {
            Ok(reply) => Answer::Done(reply),
            // What ended it is that the host ends.
            Err(problem) if problem.kind == ErrorKind::Unloaded && shared.stop.is_cancelled() => {
                Answer::Failed(ControlError::Stopping.into())
            }
            Err(problem) => Answer::Failed(problem),
        };
        match seal(&answer) {
            Ok(frame) => frame::write(&mut self.writer, &frame).await,
            Err(error) => self.say(&Answer::Failed(error.into())).await,
        }
    }
}

/// Passes on what an operator remarks.
struct Speaker(mpsc::Sender<Remark>);

impl Remarks for Speaker {
    async fn remark(&self, remark: Remark) {
        // Nobody is there to hear it if the connection is over.
        let _ = self.0.send(remark).await;
    }
}

/// Writes remarks, and the log lines that belong to the request, until there are no more.
async fn tell(
    writer: &mut OwnedWriteHalf,
    mut said: mpsc::Receiver<Remark>,
    mut feed: Option<(Heard, broadcast::Receiver<LogRecord>)>,
) -> Result<(), ControlError> {
    loop {
        let remark = tokio::select! {
            biased;
            Some(remark) = heard(&mut feed) => remark,
            remark = said.recv() => match remark {
                Some(remark) => remark,
                None => break,
            },
        };
        frame::write(writer, &seal(&Answer::Remark(remark))?).await?;
    }
    // Lines that were logged before the work was done are all there.
    let Some((whose, feed)) = &mut feed else {
        return Ok(());
    };
    loop {
        let remark = match feed.try_recv() {
            Ok(record) if whose.hears(&record) => Remark::Logged(record),
            Ok(_) => continue,
            Err(broadcast::error::TryRecvError::Lagged(count)) => missed(count),
            Err(_) => return Ok(()),
        };
        frame::write(writer, &seal(&Answer::Remark(remark))?).await?;
    }
}

/// The next log line that belongs to a request; none if there will never be one.
async fn heard(feed: &mut Option<(Heard, broadcast::Receiver<LogRecord>)>) -> Option<Remark> {
    let (whose, feed) = feed.as_mut()?;
    loop {
        match feed.recv().await {
            Ok(record) if whose.hears(&record) => return Some(Remark::Logged(record)),
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(count)) => return Some(missed(count)),
            Err(broadcast::error::RecvError::Closed) => return None,
        }
    }
}

fn missed(count: u64) -> Remark {
    Remark::Warning(format!(
        "up to {count} lines of the log are left out here: see astrid logs"
    ))
}

/// Waits until the client has closed the connection. One that has asked for more is there.
async fn gone(reader: &mut BufReader<OwnedReadHalf>) {
    match reader.fill_buf().await {
        Ok([]) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}
