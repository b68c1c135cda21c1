//! `astrid run` as a process, beside which other commands are run.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Astrid, Output, line};

/// How long a host may take to begin; compiling what it loads takes seconds in a debug build.
const BEGINNING: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(10);

/// How many were started, by which what they say is kept apart.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A host that runs. It is killed if it is dropped while it does.
pub struct Running {
    child: Child,
    line: String,
    started: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Astrid {
    /// Starts a process of the command that stays.
    ///
    /// # Panics
    /// If it can't be started: then nothing can be tested.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let said = |name| self.temporary().join(format!("process-{count}.{name}"));
        let [stdout, stderr] = ["out", "err"].map(said);
        let file = |path| Stdio::from(File::create(path).expect("a file"));
        let child = self
            .command(&self.workspace(), arguments)
            .stdin(Stdio::null())
            .stdout(file(&stdout))
            .stderr(file(&stderr))
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} can't be started: {error}", self.binary));
        Running {
            child,
            line: line(arguments),
            started: Instant::now(),
            stdout,
            stderr,
        }
    }

    /// Starts `astrid run`, and waits until its socket answers.
    ///
    /// # Errors
    /// What it said if it ended instead.
    pub fn host(&self, arguments: &[&str]) -> Result<Running, String> {
        let mut running = self.start(&[&["run"], arguments].concat());
        let socket = self.home().join("run/control.sock");
        while UnixStream::connect(&socket).is_err() {
            if running.has_ended() || running.started.elapsed() > BEGINNING {
                return Err(format!("no host listens:\n{}", running.kill()));
            }
            std::thread::sleep(LOOK);
        }
        Ok(running)
    }
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    ///
    /// # Panics
    /// If the system can't tell.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("asked").is_some()
    }

    /// What it has said on standard output so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    /// What it has said on standard error so far.
    pub fn warned(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Tells it to end, as a service manager does.
    ///
    /// # Panics
    /// If it isn't there any more.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it isn't there any more.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), signal).expect("told");
    }

    /// Waits for its end, and tells what it came to.
    ///
    /// # Panics
    /// If it can't be waited for.
    pub fn wait(mut self) -> Output {
        let status = self.child.wait().expect("waited for");
        let text = |path| std::fs::read_to_string(path).unwrap_or_default();
        Output {
            line: self.line.clone(),
            code: status.code().unwrap_or(-1),
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
            elapsed: self.started.elapsed(),
        }
    }

    /// Ends it as a power failure would.
    pub fn kill(mut self) -> Output {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
