//! Signals that end a program: Ctrl-C, SIGTERM, and SIGHUP, which a terminal sends when it is closed.

use std::sync::Once;

use astrid_host::temporary;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for the signals that end a program. One that was ignored at the start stays so: under `nohup` a closed terminal
/// ends nothing, and Ctrl-C is not for what a script runs in the background.
pub(crate) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: unless_ignored(SignalKind::interrupt())?,
            terminate: unless_ignored(SignalKind::terminate())?,
            hang_up: unless_ignored(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            () = heard(&mut self.interrupt) => SignalKind::interrupt(),
            () = heard(&mut self.terminate) => SignalKind::terminate(),
            () = heard(&mut self.hang_up) => SignalKind::hangup(),
        }
    }
}

fn unless_ignored(kind: SignalKind) -> std::io::Result<Option<Signal>> {
    match is_ignored(kind) {
        true => Ok(None),
        false => signal(kind).map(Some),
    }
}

async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process ignores a signal, as far as the system tells.
fn is_ignored(signal: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Its lowest bit is of signal 1.
    ignored.is_some_and(|mask| mask >> (signal.as_raw_value() - 1) & 1 == 1)
}

/// From now on a signal that ends the program removes its temporary folders first; the exit code is the one that a shell
/// gives to a program that was ended by the signal.
pub(crate) fn remove_temporaries() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Without a thread to wait in, the next command sweeps what is left.
        let thread = std::thread::Builder::new().name("signals".into());
        let _ = thread.spawn(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let Ok(runtime) = runtime.enable_io().build() else {
                return;
            };
            runtime.block_on(async {
                if let Ok(mut signals) = Signals::new() {
                    let signal = signals.next().await;
                    temporary::remove_all();
                    std::process::exit(128 + signal.as_raw_value());
                }
            });
        });
    });
}
