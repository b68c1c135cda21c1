//! One connection to a running host: hears a request, has it carried out, and says what there is to say of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::error::ControlError;
use super::frame;
use super::message::{Answer, Hello, seal, unseal};
use super::operator::Operator;
use super::places::{Places, Silent};
use super::remark::{Heard, Place, Remark, Remarks};
use super::requests::Request;
use crate::host::Host;
use crate::kind::ErrorKind;
use crate::limits::control::PATIENCE;
use crate::storage::LogRecord;

/// How long a connection that was told that all is over may take to hear it.
pub(super) const FAREWELL: Duration = Duration::from_millis(200);
/// Remarks that may wait for a client to take them.
const REMARKS: usize = 16;

/// What a connection needs.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) operator: Arc<Operator>,
    pub(super) places: Arc<Places>,
    /// No request is taken any more.
    pub(super) stop: CancellationToken,
    /// What is under way ends now.
    pub(super) cancel: CancellationToken,
    pub(super) drain: Duration,
}

pub(super) struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    shared: Shared,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, shared: Shared) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
            shared,
        }
    }

    /// Serves it to its end.
    pub(super) async fn serve(&mut self, mut silent: Silent) -> Result<(), ControlError> {
        let pid = std::process::id();
        self.say(&Answer::Hello(Hello { pid })).await?;
        let stop = self.shared.stop.clone();
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => Err(ControlError::Stopping),
                full = silent.let_go() => Err(full),
                next = timeout(PATIENCE, self.next()) => {
                    next.unwrap_or(Err(ControlError::Silent { limit: PATIENCE }))
                }
            };
            drop(silent);
            let request = match next {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(()),
                Err(error) => return self.farewell(error).await,
            };
            match self.shared.places.take(request.place()) {
                Ok(_place) => self.answer(request).await?,
                Err(full) => return self.farewell(full).await,
            }
            silent = self.shared.places.silent();
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

    /// Sends the last answer; given up where it is not taken at once.
    pub(super) async fn farewell(&mut self, error: ControlError) -> Result<(), ControlError> {
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
        let follows = request.place() == Place::Follow;
        let Self {
            reader,
            writer,
            shared,
        } = self;
        // Whoever follows is told nothing more when no request is taken any more: the host waits for calls alone.
        let over = if follows {
            &shared.stop
        } else {
            &shared.cancel
        };
        let done = {
            let mut telling = std::pin::pin!(tell(writer, said, feed));
            let done = {
                let speaker = Speaker(says);
                let mut work = std::pin::pin!(request.carry_out(&shared.operator, &speaker));
                tokio::select! {
                    biased;
                    () = over.cancelled() => Err(ControlError::Stopping.into()),
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
            tokio::select! {
                biased;
                told = &mut telling => told?,
                () = later(over) => return Err(ControlError::Stopping),
            }
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
        let frame = match seal(&answer) {
            Ok(frame) => frame,
            Err(error) => seal(&Answer::Failed(error.into()))?,
        };
        tokio::select! {
            biased;
            written = frame::write(writer, &frame) => written,
            () = later(over) => Err(ControlError::Stopping),
        }
    }
}

/// Waits until it is over, and as long as the last word may take.
async fn later(over: &CancellationToken) {
    over.cancelled().await;
    sleep(FAREWELL).await;
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
