//! The one thread that advances the engine's epoch, which is how a running guest is made to look up.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

/// How often a running guest yields, and so how finely its CPU time is charged.
pub const TICK: Duration = Duration::from_millis(10);

/// Ticks until dropped. Then its thread ends by itself and doesn't touch the engine any more: nobody has to wait for
/// it to be scheduled once again.
pub(super) struct Ticker {
    stop: Arc<(Mutex<bool>, Condvar)>,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let engine = engine.weak();
        let seen = Arc::clone(&stop);
        std::thread::Builder::new()
            .name("astrid-ticker".into())
            .spawn(move || {
                let (stopped, wake) = &*seen;
                let mut stopped = stopped.lock();
                while !*stopped {
                    wake.wait_for(&mut stopped, TICK);
                    if *stopped {
                        break;
                    }
                    // Held for this moment, in which the engine's owner can't say stop.
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => break,
                    }
                }
            })?;
        Ok(Self { stop })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_one();
    }
}
