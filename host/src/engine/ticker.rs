//! The one thread that advances the engine's epoch, which is how a running guest is made to look up. While no guest
//! runs it ticks once a second: a host that nobody asks anything costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

/// How often a running guest yields, and so how finely its CPU time is charged.
pub const TICK: Duration = Duration::from_millis(10);
/// How often it ticks while no guest runs. Not never: a host function that blocks its thread for long looks like no guest
/// running, and the guest goes on after it.
const SLOW: Duration = Duration::from_secs(1);
/// Ticks without a guest, one second, after which it slows down.
const QUIET_TICKS: u32 = 100;

/// A guest was polled since the last tick.
const RUNNING: u8 = 0;
/// None was.
const QUIET: u8 = 1;
/// None was for long: it ticks slowly.
const SLOWED: u8 = 2;

/// How the ticker knows whether a guest runs: whoever polls one says so.
#[derive(Debug, Default)]
pub struct Pulse {
    state: AtomicU8,
    ticks: AtomicU64,
    stopped: Mutex<bool>,
    wake: Condvar,
}

impl Pulse {
    /// A guest is about to be polled. Cheap, and for all threads at once: the state is written once a tick.
    pub fn beat(&self) {
        if self.state.load(Relaxed) != RUNNING {
            self.beat_again();
        }
    }

    #[cold]
    fn beat_again(&self) {
        if self.state.swap(RUNNING, SeqCst) == SLOWED {
            // Under the lock, and so not between the ticker's look at the state and its wait.
            let _stopped = self.stopped.lock();
            self.wake.notify_one();
        }
    }

    /// Ticks so far: none pass while the process is stopped or the machine is suspended.
    pub(super) fn ticks(&self) -> u64 {
        self.ticks.load(Relaxed)
    }

    /// Counts a tick.
    pub(super) fn count_tick(&self) {
        self.ticks.fetch_add(1, Relaxed);
    }

    /// How long to wait for the next tick; `quiet` counts those without a guest.
    fn pause(&self, quiet: &mut u32) -> Duration {
        let change = |from, to| self.state.compare_exchange(from, to, SeqCst, SeqCst);
        if change(RUNNING, QUIET).is_ok() {
            *quiet = 0;
            return TICK;
        }
        *quiet = quiet.saturating_add(1);
        if *quiet < QUIET_TICKS {
            return TICK;
        }
        match change(QUIET, SLOWED) {
            // One just began.
            Err(RUNNING) => TICK,
            _ => SLOW,
        }
    }
}

/// Ticks until dropped. Then its thread ends by itself and doesn't touch the engine any more: nobody has to wait for
/// it to be scheduled once again.
pub(super) struct Ticker {
    pub(super) pulse: Arc<Pulse>,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let pulse = Arc::<Pulse>::default();
        let engine = engine.weak();
        let seen = Arc::clone(&pulse);
        std::thread::Builder::new()
            .name("astrid-ticker".into())
            .spawn(move || {
                let mut quiet = 0;
                let mut stopped = seen.stopped.lock();
                while !*stopped {
                    let pause = seen.pause(&mut quiet);
                    seen.wake.wait_for(&mut stopped, pause);
                    if *stopped {
                        break;
                    }
                    // Before the epoch: a guest that is made to look up finds its tick counted.
                    seen.count_tick();
                    // Held for this moment, in which the engine's owner can't say stop.
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => break,
                    }
                }
            })?;
        Ok(Self { pulse })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.pulse.stopped.lock() = true;
        self.pulse.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses of so many ticks.
    fn pauses(pulse: &Pulse, quiet: &mut u32, ticks: u32) -> Vec<Duration> {
        (0..ticks).map(|_| pulse.pause(quiet)).collect()
    }

    #[test]
    fn without_a_guest_it_slows_down_after_a_second() {
        let (pulse, mut quiet) = (Pulse::default(), 0);
        let first = pauses(&pulse, &mut quiet, QUIET_TICKS);
        assert!(first.iter().all(|pause| *pause == TICK));
        let then = pauses(&pulse, &mut quiet, 3);
        assert!(then.iter().all(|pause| *pause == SLOW), "{then:?}");
    }

    #[test]
    fn a_guest_brings_it_back_and_keeps_it() {
        let (pulse, mut quiet) = (Pulse::default(), 0);
        pauses(&pulse, &mut quiet, 2 * QUIET_TICKS);
        for _ in 0..2 * QUIET_TICKS {
            pulse.beat();
            assert_eq!(pulse.pause(&mut quiet), TICK);
        }
        // And for a second after it.
        let after = pauses(&pulse, &mut quiet, QUIET_TICKS - 1);
        assert!(after.iter().all(|pause| *pause == TICK));
        assert_eq!(pulse.pause(&mut quiet), SLOW);
    }

    #[test]
    fn whoever_beats_first_wakes_it() {
        let pulse = Arc::<Pulse>::default();
        let mut quiet = 0;
        pauses(&pulse, &mut quiet, 2 * QUIET_TICKS);
        let mut stopped = pulse.stopped.lock();
        let seen = Arc::clone(&pulse);
        let guest = std::thread::spawn(move || seen.beat());
        let waited = pulse.wake.wait_for(&mut stopped, Duration::from_secs(60));
        assert!(!waited.timed_out());
        drop(stopped);
        guest.join().expect("no panic");
    }
}
