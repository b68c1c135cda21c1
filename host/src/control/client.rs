//! A command's end: finds out whether a host runs, and asks it.

use std::time::{Duration, Instant};

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::error::ControlError;
use super::frame;
use super::message::{Answer, seal, unseal};
use super::operator::{Held, Hold};
use super::problem::Problem;
use super::remark::Remarks;
use super::requests::{Ask, Request};
use super::socket;
use crate::home::{ExclusiveLock, Home, HomeError, LOCK_PATIENCE, Patience};

/// How long a host may take to say hello.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be kept before something is asked: the host closes it after twice that.
const FRESH: Duration = Duration::from_secs(5);

/// How the home is reached.
#[derive(Debug)]
pub enum Reached {
    /// No host runs, and the home is held.
    Held(Held),
    /// A host runs.
    Running(Client),
}

/// Finds out whether a host runs on a home, or takes the home. A host that is just beginning or ending is waited for, and
/// so is another command, both for ten seconds.
///
/// # Errors
/// [`HomeError::Busy`]; what a host that runs has against being asked; [`ControlError`]. As a [`Problem`].
pub async fn reach(home: &Home, hold: Hold) -> Result<Reached, Problem> {
    if hold == Hold::Not {
        let client = Client::connect(home).await?;
        return Ok(client.map_or(Reached::Held(Held::Not), Reached::Running));
    }
    Ok(match taken(home, || Held::attempt(home, hold)).await? {
        Ok(held) => Reached::Held(held),
        Err(client) => Reached::Running(client),
    })
}

/// Takes a home alone, to run a host on it. Other commands are waited for, for ten seconds.
///
/// # Errors
/// [`ControlError::Running`] at once if a host runs; [`HomeError::Busy`]. As a [`Problem`].
pub async fn claim(home: &Home) -> Result<ExclusiveLock, Problem> {
    let taken = taken(home, || home.try_lock_exclusive()).await?;
    taken.map_err(|client| {
        let (home, pid) = (home.root().to_owned(), client.pid());
        ControlError::Running { home, pid }.into()
    })
}

/// Takes the home when it is free, unless a host holds it, which is then connected to.
async fn taken<T>(
    home: &Home,
    attempt: impl Fn() -> Result<Option<T>, HomeError>,
) -> Result<Result<T, Client>, Problem> {
    let patience = Patience::new(LOCK_PATIENCE);
    loop {
        if let Some(held) = attempt()? {
            return Ok(Ok(held));
        }
        // Somebody holds it: a host, or another command for a moment.
        if let Some(client) = Client::connect(home).await? {
            return Ok(Err(client));
        }
        let pause = patience.pause().ok_or_else(|| home.busy())?;
        sleep(pause).await;
    }
}

/// Waits until nobody holds a home alone; false if that takes longer than `limit`.
///
/// # Errors
/// [`HomeError::File`].
pub async fn freed(home: &Home, limit: Duration) -> Result<bool, HomeError> {
    let patience = Patience::new(limit);
    while home.try_lock_shared()?.is_none() {
        let Some(pause) = patience.pause() else {
            return Ok(false);
        };
        sleep(pause).await;
    }
    Ok(true)
}

/// A connection to a running host.
#[derive(Debug)]
pub struct Client {
    home: Home,
    stream: BufReader<UnixStream>,
    pid: u32,
    since: Instant,
}

impl Client {
    /// Connects to the host that runs on a home; none if there is none.
    ///
    /// # Errors
    /// What the host has against it; [`ControlError`], as a [`Problem`].
    pub async fn connect(home: &Home) -> Result<Option<Self>, Problem> {
        let Some(stream) = socket::connect(home).await? else {
            return Ok(None);
        };
        let mut stream = BufReader::new(stream);
        let hello = timeout(PATIENCE, hear(&mut stream)).await;
        let limit = PATIENCE;
        match hello.unwrap_or(Err(ControlError::Silent { limit })) {
            Ok(Answer::Hello(hello)) => Ok(Some(Self {
                home: home.clone(),
                stream,
                pid: hello.pid,
                since: Instant::now(),
            })),
            Ok(Answer::Failed(problem)) => Err(problem),
            // It ended just now.
            Err(ControlError::HungUp) => Ok(None),
            Ok(_) => Err(out_of_turn().into()),
            Err(error) => Err(error.into()),
        }
    }

    /// The host's process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks for something, and waits for the reply. Dropped meanwhile, it is given up.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask<A: Ask>(
        mut self,
        ask: A,
        remarks: &impl Remarks,
    ) -> Result<A::Reply, Problem> {
        if self.since.elapsed() > FRESH {
            let home = self.home.root().to_owned();
            let again = Self::connect(&self.home).await?;
            self = again.ok_or(ControlError::NotRunning { home })?;
        }
        let request: Request = ask.into();
        match frame::write(&mut self.stream, &seal(&request)?).await {
            // It may have said why.
            Ok(()) | Err(ControlError::HungUp) => {}
            Err(error) => return Err(error.into()),
        }
        loop {
            match hear(&mut self.stream).await? {
                Answer::Remark(remark) => remarks.remark(remark).await,
                Answer::Failed(problem) => return Err(problem),
                Answer::Done(reply) => {
                    let reply = serde_json::from_str(reply.get());
                    return Ok(reply.map_err(|error| ControlError::garbage(&error))?);
                }
                Answer::Hello(_) => return Err(out_of_turn().into()),
            }
        }
    }
}

async fn hear(stream: &mut BufReader<UnixStream>) -> Result<Answer, ControlError> {
    let json = frame::read(stream).await?.ok_or(ControlError::HungUp)?;
    unseal(&json)
}

fn out_of_turn() -> ControlError {
    let reason = "it is said out of turn".to_owned();
    ControlError::Garbage { reason }
}
