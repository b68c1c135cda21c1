//! Standard output, of which a process has one: what can't be written to it ends the command.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::sync::OnceLock;

use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::sync::Notify;

/// Why it can't be written any more.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();
/// Tells that there is such a reason.
static GIVEN_UP: Notify = Notify::const_new();

/// Why something could not be written to stdout; none if everything was.
pub(crate) fn unwritten() -> Option<&'static io::Error> {
    UNWRITTEN.get()
}

/// Waits until stdout can't be written any more: because a write has failed, or because nobody reads it any more.
pub(crate) async fn given_up() {
    tokio::select! {
        () = GIVEN_UP.notified() => {}
        () = closed() => give_up(io::ErrorKind::BrokenPipe.into()),
    }
}

fn give_up(error: io::Error) {
    // The first reason counts.
    let _ = UNWRITTEN.set(error);
    GIVEN_UP.notify_one();
}

/// Waits until nobody has the other end of a pipe any more. A file has no other end.
async fn closed() {
    let watched = io::stdout()
        .as_fd()
        .try_clone_to_owned()
        // Unchecked, since a check would have it never block, for whoever shares it as well.
        .and_then(pipe::Sender::from_owned_fd_unchecked);
    let over = match &watched {
        Ok(pipe) => pipe.ready(Interest::ERROR).await.is_ok(),
        Err(_) => false,
    };
    if !over {
        std::future::pending().await
    }
}

/// Writes a line to stdout, unless that has failed before.
pub(crate) fn print(text: impl Display) {
    write_to(anstream::stdout().lock(), |stdout| {
        writeln!(stdout, "{text}")
    });
}

/// Writes bytes to stdout as they are, unless that has failed before.
pub(crate) fn write(bytes: &[u8]) {
    write_to(io::stdout().lock(), |stdout| stdout.write_all(bytes));
}

fn write_to<W: io::Write>(mut stdout: W, write: impl FnOnce(&mut W) -> io::Result<()>) {
    if unwritten().is_some() {
        return;
    }
    if let Err(error) = write(&mut stdout).and_then(|()| stdout.flush()) {
        give_up(error);
    }
}

/// Prints what clap has to say: help and versions are results, what is wrong with arguments is none.
pub(crate) fn print_clap(said: &clap::Error) {
    match said.print() {
        Err(error) if !said.use_stderr() => give_up(error),
        // Nobody is left to tell if stderr is gone.
        _ => {}
    }
}
