//! The circuit of a lane: a capsule that keeps failing for a principal isn't called for it for a while.
//!
//! Five failures within a minute open it. Then calls are refused with the last failure as the reason until a pause is
//! over; one call is let through, whose success closes the circuit and whose failure opens it for twice as long. Only
//! the capsule's own failures count: a call that is given up, that ran out of a time which its caller set, or for which
//! the host had no room is neither a success nor a failure.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::backoff::CAPSULE;
use crate::limits::capsule::{FAILURES, REASON, WINDOW};
use crate::names::PrincipalId;

/// Whether calls are let through. Begins closed: they are.
#[derive(Default)]
pub(super) struct Circuit {
    /// Whether there is anything to be decided under the lock: the usual call only looks here.
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: VecDeque<Instant>,
    reason: String,
    /// How often it opened since it was closed.
    openings: u32,
    retry_at: Option<Instant>,
    /// Whether a call was let through whose end isn't known yet.
    trying: bool,
}

/// Why a call isn't let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    /// The last failure.
    pub(super) reason: String,
    /// When a call is let through again; zero while one is being tried.
    pub(super) retry_in: Duration,
}

/// A principal for whom a capsule isn't called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCircuit {
    /// The principal.
    pub principal: PrincipalId,
    /// How the last call failed, at most 512 bytes. It may quote the guest.
    pub reason: String,
    /// When one call is let through again; zero while one is under way.
    pub retry_in: Duration,
}

/// A call that was let through. Dropped without a word, it was given up.
#[must_use]
pub(super) struct Attempt<'a> {
    circuit: &'a Circuit,
    /// Whether the circuit waits for its end.
    trial: bool,
}

impl Circuit {
    /// Lets a call through, or says why not.
    pub(super) fn enter(&self) -> Result<Attempt<'_>, Open> {
        let trial = self.open.load(Relaxed) && self.state.lock().begin_trial(Instant::now())?;
        Ok(Attempt {
            circuit: self,
            trial,
        })
    }

    /// Why a call would be refused now, if it would be.
    pub(super) fn refusal(&self) -> Option<Open> {
        if self.open.load(Relaxed) {
            self.state.lock().refusal(Instant::now())
        } else {
            None
        }
    }
}

impl Attempt<'_> {
    /// The capsule answered.
    pub(super) fn succeeded(mut self) {
        if std::mem::take(&mut self.trial) {
            let mut state = self.circuit.state.lock();
            *state = State::default();
            self.circuit.open.store(false, Relaxed);
        }
    }

    /// The capsule failed. Answers with the pause, if that opened the circuit.
    pub(super) fn failed(mut self, reason: &str) -> Option<Duration> {
        let trial = std::mem::take(&mut self.trial);
        let mut state = self.circuit.state.lock();
        let pause = state.fail(Instant::now(), trial, reason, share_of_a_pause())?;
        self.circuit.open.store(true, Relaxed);
        Some(pause)
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.trial {
            // The next call is the trial.
            self.circuit.state.lock().trying = false;
        }
    }
}

impl State {
    fn refusal(&self, now: Instant) -> Option<Open> {
        let left = self.retry_at?.saturating_duration_since(now);
        (self.trying || !left.is_zero()).then(|| Open {
            reason: self.reason.clone(),
            retry_in: left,
        })
    }

    /// Lets a call through; true if it is the one that decides.
    fn begin_trial(&mut self, now: Instant) -> Result<bool, Open> {
        if let Some(open) = self.refusal(now) {
            return Err(open);
        }
        // It may have been closed a moment ago.
        self.trying = self.retry_at.is_some();
        Ok(self.trying)
    }

    /// Counts a failure; if that opens the circuit, for how long. `share` of a pause, 0 to 1, is added to it.
    fn fail(&mut self, now: Instant, trial: bool, reason: &str, share: f64) -> Option<Duration> {
        if self.retry_at.is_some() && !trial {
            // It was let through before the circuit opened.
            return None;
        }
        self.failures.push_back(now);
        let recent = |began: &Instant| now.saturating_duration_since(*began) < WINDOW;
        while self.failures.front().is_some_and(|began| !recent(began)) {
            self.failures.pop_front();
        }
        reason[..reason.floor_char_boundary(REASON)].clone_into(&mut self.reason);
        if !trial && self.failures.len() < FAILURES {
            return None;
        }
        self.failures.clear();
        self.trying = false;
        let pause = CAPSULE.after(self.openings);
        self.openings = self.openings.saturating_add(1);
        let pause = pause + pause.mul_f64(share / 4.0);
        self.retry_at = Some(now + pause);
        Some(pause)
    }
}

/// Up to a quarter of a pause more, so that what failed together isn't tried again together.
fn share_of_a_pause() -> f64 {
    // Without entropy there is no jitter, which is no harm.
    f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(circuit: &Circuit, times: usize) {
        for _ in 0..times {
            circuit.enter().expect("let through").failed("a trap");
        }
    }

    impl std::fmt::Debug for Attempt<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an attempt")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_within_a_minute_open_it_and_one_success_closes_it() {
        let circuit = Circuit::default();
        fails(&circuit, 4);
        circuit.enter().expect("closed").succeeded();
        assert_eq!(circuit.refusal(), None);
        fails(&circuit, 1);
        let open = circuit.enter().expect_err("open");
        assert_eq!(open.reason, "a trap");
        assert!(
            open.retry_in >= CAPSULE.first && open.retry_in <= CAPSULE.first.mul_f64(1.25),
            "{open:?}"
        );

        tokio::time::advance(open.retry_in).await;
        let trial = circuit.enter().expect("one is let through");
        assert!(circuit.enter().is_err(), "and no other");
        trial.succeeded();
        fails(&circuit, 4);
        circuit.enter().expect("counted afresh").succeeded();
    }

    #[tokio::test(start_paused = true)]
    async fn failures_far_apart_do_not_open_it() {
        let circuit = Circuit::default();
        for _ in 0..20 {
            fails(&circuit, 1);
            tokio::time::advance(WINDOW / 4).await;
        }
        assert_eq!(circuit.refusal(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_trial_doubles_the_pause_to_a_bound() {
        let circuit = Circuit::default();
        fails(&circuit, 5);
        let mut expected = CAPSULE.first;
        for _ in 0..12 {
            let open = circuit.refusal().expect("open");
            assert!(
                open.retry_in >= expected && open.retry_in <= expected.mul_f64(1.25),
                "{open:?}"
            );
            tokio::time::advance(open.retry_in).await;
            fails(&circuit, 1);
            expected = (expected * 2).min(CAPSULE.longest);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_is_given_up_leaves_it_to_the_next() {
        let circuit = Circuit::default();
        fails(&circuit, 5);
        tokio::time::advance(CAPSULE.longest).await;
        drop(circuit.enter().expect("let through"));
        circuit.enter().expect("let through").succeeded();
        assert_eq!(circuit.refusal(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_let_through_before_it_opened_changes_nothing() {
        let circuit = Circuit::default();
        let [early, late] = [(); 2].map(|()| circuit.enter().expect("closed"));
        fails(&circuit, 5);
        let open = circuit.refusal();
        early.succeeded();
        late.failed("another");
        assert_eq!(circuit.refusal(), open);
    }

    #[test]
    fn pauses_differ() {
        let shares: Vec<_> = (0..8).map(|_| share_of_a_pause()).collect();
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        assert!(shares.iter().any(|share| *share != shares[0]));
    }
}
