//! The two clocks of a call: CPU, summed over the polls of its future, and wall.
//!
//! Epochs are global, so counting ticks would charge a guest for time in which it was parked. The epoch
//! callback only yields; [`timed`] sums the time spent in polls, and the callback interrupts the guest
//! once that sum is past the budget.
//!
//! A process can be stopped, and a machine suspended, in the middle of a poll. No ticks pass meanwhile, so a poll is
//! charged at most the ticks that passed during it and one more. That costs one relaxed load; the thread's own CPU
//! clock would be exact, and takes longer to read than a whole call.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use wasmtime::{Store, UpdateDeadline};

use super::ticker::{Pulse, TICK};

/// [`TICK`] in nanoseconds.
const TICK_NANOS: u64 = TICK.as_nanos() as u64;

/// How long a call may go on once its capsule is ending: what it is blocked in ends at once, so that it can end itself.
pub const GRACE: Duration = Duration::from_secs(1);

/// CPU time of one instance, started afresh for each call.
///
/// Written by the thread that polls the call and read by the epoch callback on that same thread, so relaxed
/// atomics are enough.
#[derive(Debug)]
pub struct CpuClock {
    base: Instant,
    budget: AtomicU64,
    /// Nanoseconds spent in polls that are over.
    spent: AtomicU64,
    /// When the poll under way began, in nanoseconds after `base`.
    poll_began: AtomicU64,
    /// Ticks of the engine when the poll under way began.
    poll_ticks: AtomicU64,
    /// Whether the sum begins afresh when the guest really waits: a run loop's does.
    afresh: AtomicBool,
    /// Whether the guest was made to yield in the poll under way, so that its end is no wait.
    yielded: AtomicBool,
    pulse: Arc<Pulse>,
}

impl CpuClock {
    /// A clock for `store`, whose guest from now on yields at each tick and is interrupted over budget. `pulse` is of
    /// the ticker of its engine.
    pub fn attach<T: 'static>(store: &mut Store<T>, pulse: Arc<Pulse>) -> Arc<Self> {
        let clock = Arc::new(Self {
            base: Instant::now(),
            budget: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            poll_began: AtomicU64::new(0),
            poll_ticks: AtomicU64::new(0),
            afresh: AtomicBool::new(false),
            yielded: AtomicBool::new(false),
            pulse,
        });
        let seen = Arc::clone(&clock);
        // A store begins at deadline 0: without this even its instantiation would be interrupted.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            Ok(if seen.over_budget(Instant::now()) {
                UpdateDeadline::Interrupt
            } else {
                seen.yielded.store(true, Relaxed);
                UpdateDeadline::Yield(1)
            })
        });
        clock
    }

    /// Begins a call that may use `budget` of CPU time.
    pub fn begin(&self, budget: Duration) {
        self.budget.store(nanos(budget), Relaxed);
        self.spent.store(0, Relaxed);
    }

    /// Begins a run loop, which may use `budget` of CPU time before it waits for something again.
    pub fn begin_loop(&self, budget: Duration) {
        self.afresh.store(true, Relaxed);
        self.begin(budget);
    }

    /// CPU time of the call so far, without the poll under way.
    pub fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed))
    }

    fn over_budget(&self, now: Instant) -> bool {
        let poll = self.charge(now);
        self.spent.load(Relaxed).saturating_add(poll) > self.budget.load(Relaxed)
    }

    /// Nanoseconds that the poll under way is charged if it ends now.
    fn charge(&self, now: Instant) -> u64 {
        let elapsed = self
            .since_base(now)
            .saturating_sub(self.poll_began.load(Relaxed));
        let ticks = self
            .pulse
            .ticks()
            .saturating_sub(self.poll_ticks.load(Relaxed));
        elapsed.min(ticks.saturating_add(1).saturating_mul(TICK_NANOS))
    }

    fn resume(&self, now: Instant) {
        self.pulse.beat();
        self.yielded.store(false, Relaxed);
        self.poll_ticks.store(self.pulse.ticks(), Relaxed);
        self.poll_began.store(self.since_base(now), Relaxed);
    }

    fn park(&self, now: Instant) {
        if self.afresh.load(Relaxed) && !self.yielded.load(Relaxed) {
            self.spent.store(0, Relaxed);
            return;
        }
        let spent = self.spent.load(Relaxed).saturating_add(self.charge(now));
        self.spent.store(spent, Relaxed);
    }

    fn since_base(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.base))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Why a call was ended before it had ended itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Its wall time was over.
    TimedOut,
    /// [`GRACE`] was over since its capsule began to end.
    Ended,
}

/// Polls `call` under both clocks, from `began`, until [`GRACE`] after `ending`; answers with when it ended too.
///
/// The timer is only made when the call really parks, or yields: most calls end in their first poll.
pub async fn timed<F: Future>(
    clock: &CpuClock,
    began: Instant,
    wall: Duration,
    ending: &CancellationToken,
    call: F,
) -> (Result<F::Output, Stopped>, Instant) {
    let mut call = pin!(call);
    let mut stop = None;
    let mut first = Some(began);
    poll_fn(|cx| {
        clock.resume(first.take().unwrap_or_else(Instant::now));
        let polled = call.as_mut().poll(cx);
        let now = Instant::now();
        clock.park(now);
        match polled {
            Poll::Ready(output) => Poll::Ready((Ok(output), now)),
            Poll::Pending => stop
                .get_or_insert_with(|| {
                    let left = wall.saturating_sub(now.saturating_duration_since(began));
                    Box::pin(stopped(left, ending))
                })
                .as_mut()
                .poll(cx)
                .map(|stopped| (Err(stopped), now)),
        }
    })
    .await
}

/// When a call must be ended, and why.
async fn stopped(left: Duration, ending: &CancellationToken) -> Stopped {
    let ended = async {
        ending.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = tokio::time::sleep(left) => Stopped::TimedOut,
        () = ended => Stopped::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> CpuClock {
        CpuClock {
            base: Instant::now(),
            budget: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            poll_began: AtomicU64::new(0),
            poll_ticks: AtomicU64::new(0),
            afresh: AtomicBool::new(false),
            yielded: AtomicBool::new(false),
            pulse: Arc::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn parked_time_is_wall_time_and_not_cpu_time() {
        let clock = clock();
        clock.begin(Duration::from_secs(5));
        let call = tokio::time::sleep(Duration::from_secs(200));
        let never = CancellationToken::new();
        let wall = Duration::from_secs(300);
        let (result, _) = timed(&clock, Instant::now(), wall, &never, call).await;
        assert_eq!(result, Ok(()));
        assert!(
            clock.spent() < Duration::from_secs(5),
            "{:?}",
            clock.spent()
        );
    }

    /// Computes for `time` in one poll, with all the ticks that belong to it.
    fn compute(clock: &CpuClock, began: Instant, time: Duration) {
        clock.resume(began);
        for _ in 0..time.as_nanos() / TICK.as_nanos() {
            clock.pulse.count_tick();
        }
        clock.park(began + time);
    }

    #[test]
    fn a_process_that_is_stopped_in_a_poll_costs_its_guest_two_ticks_at_most() {
        let clock = clock();
        let (began, stop) = (clock.base, Duration::from_secs(3600));
        for ticks in [0, 1] {
            clock.begin(Duration::from_secs(5));
            clock.resume(began);
            // The ticker is stopped too: at most it ticks when it is continued, before the guest goes on.
            (0..ticks).for_each(|_| clock.pulse.count_tick());
            clock.park(began + stop);
            assert_eq!(clock.spent(), TICK * (ticks + 1));
        }
        // The callback judges by the same measure.
        clock.begin(TICK);
        clock.resume(began);
        assert!(!clock.over_budget(began + stop));
    }

    #[test]
    fn many_short_polls_are_charged_what_they_took() {
        let clock = clock();
        clock.begin(Duration::from_secs(5));
        for _ in 0..1_000 {
            compute(&clock, clock.base, Duration::from_micros(10));
        }
        assert_eq!(clock.spent(), Duration::from_millis(10));
    }

    #[test]
    fn a_run_loops_time_begins_afresh_when_it_waits_and_not_when_it_yields() {
        let clock = clock();
        let began = clock.base;
        clock.begin_loop(Duration::from_secs(15));
        for yielded in [true, false] {
            clock.resume(began);
            clock.yielded.store(yielded, Relaxed);
            (0..1_000).for_each(|_| clock.pulse.count_tick());
            clock.park(began + Duration::from_secs(10));
            let spent = if yielded { 10 } else { 0 };
            assert_eq!(clock.spent(), Duration::from_secs(spent));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_ends_runs_out_of_wall_time() {
        let clock = clock();
        let (call, never) = (std::future::pending::<()>(), CancellationToken::new());
        let wall = Duration::from_secs(300);
        let (result, _) = timed(&clock, Instant::now(), wall, &never, call).await;
        assert_eq!(result, Err(Stopped::TimedOut));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_of_what_is_ending_has_a_little_while_to_end_itself() {
        let wall = Duration::from_secs(300);
        for (takes, expected) in [(GRACE / 2, Ok(())), (GRACE * 2, Err(Stopped::Ended))] {
            let (clock, ending) = (clock(), CancellationToken::new());
            clock.begin(Duration::from_secs(5));
            ending.cancel();
            let call = tokio::time::sleep(takes);
            let (result, _) = timed(&clock, Instant::now(), wall, &ending, call).await;
            assert_eq!(result, expected);
        }
    }

    #[test]
    fn past_the_budget_the_callback_interrupts() {
        let clock = clock();
        let began = clock.base;
        clock.begin(Duration::from_millis(30));
        compute(&clock, began, Duration::from_millis(20));
        clock.resume(began);
        assert!(!clock.over_budget(began));
        clock.park(began);
        compute(&clock, began, Duration::from_millis(20));
        assert!(clock.over_budget(began + Duration::from_millis(20)));
        clock.begin(Duration::from_secs(3600));
        clock.resume(began);
        assert!(!clock.over_budget(began));
    }
}
