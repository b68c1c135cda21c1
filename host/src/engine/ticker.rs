//! The one thread that advances the engine's epoch, which is how a running guest is made to look up.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

/// How often a running guest yields, and so how finely its CPU time is charged.
pub const TICK: Duration = Duration::from_millis(10);

/// Ticks until dropped.
pub(super) struct Ticker {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let engine = engine.weak();
        let seen = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("astrid-ticker".into())
            .spawn(move || {
                let (stopped, wake) = &*seen;
                let mut stopped = stopped.lock();
                while !*stopped {
                    wake.wait_for(&mut stopped, TICK);
                    let Some(engine) = engine.upgrade() else {
                        break;
                    };
                    engine.increment_epoch();
                }
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread can't panic, and there is nothing to do about it here if it did.
            let _ = thread.join();
        }
    }
}
