//! A file system that fails when a test says so.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::process::{Signal, getpid, kill_process};

/// What happens at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, and the next ones do not.
    Fails,
    /// It is done in part; later ones do nothing at all, as if the process had been killed.
    Ends,
    /// The process is killed.
    Kills,
}

/// What goes wrong, and what was done until now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    plan: Option<(usize, Fault)>,
    no_exchange: bool,
    done: Arc<Mutex<Vec<String>>>,
}

impl Faults {
    /// A fault at the operation of this number, counted from 0.
    pub(crate) fn at(number: usize, fault: Fault) -> Self {
        Self {
            plan: Some((number, fault)),
            ..Self::default()
        }
    }

    /// The same on a file system where folders can't change places.
    pub(crate) fn without_exchange(mut self) -> Self {
        self.no_exchange = true;
        self
    }

    /// The operations so far, the one that failed included: what was done, and the last part of the path.
    pub(crate) fn log(&self) -> Vec<String> {
        self.done.lock().expect("no test panics in here").clone()
    }

    /// Whether the fault has come.
    pub(crate) fn came(&self) -> bool {
        self.plan
            .is_some_and(|(number, _)| self.log().len() > number)
    }

    pub(super) fn before(&self, doing: &'static str, path: &Path) -> io::Result<()> {
        let number = {
            let mut done = self.done.lock().expect("no test panics in here");
            let last = path.file_name().unwrap_or_default().to_string_lossy();
            done.push(format!("{doing} {last}"));
            done.len() - 1
        };
        let failed = || Err(io::Error::other("a test lets it fail"));
        match self.plan {
            Some((at, Fault::Fails)) if number == at => failed(),
            Some((at, Fault::Kills)) if number == at => {
                half_done(doing, path);
                kill_process(getpid(), Signal::KILL)?;
                unreachable!("killed")
            }
            Some((at, Fault::Ends)) if number >= at => {
                if number == at {
                    half_done(doing, path);
                }
                failed()
            }
            _ if self.no_exchange && doing == "exchange" => Err(rustix::io::Errno::INVAL.into()),
            _ => Ok(()),
        }
    }
}

/// What a process leaves of an operation during which it is killed.
fn half_done(doing: &str, path: &Path) {
    match doing {
        "write" | "copy something to" => {
            let _ = fs::write(path, b"hal");
        }
        "remove" => {
            let first = fs::read_dir(path).into_iter().flatten().flatten().next();
            if let Some(first) = first {
                let _ = fs::remove_file(first.path());
            }
        }
        _ => {}
    }
}
