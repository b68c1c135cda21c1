//! Does what a capsule must not, one way a hook, and nothing at all when told to `behave`.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Duration;

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Misbehave;

#[capsule]
impl Misbehave {
    #[astrid::hook]
    fn behave(&self) {}

    /// Computes for ever.
    #[astrid::hook]
    fn spin(&self) {
        let mut turns = 0_u64;
        loop {
            turns = black_box(turns.wrapping_add(1));
        }
    }

    /// Computes for ever, and asks the host for something at each turn.
    #[astrid::hook]
    fn ask(&self) {
        loop {
            black_box(time::now());
        }
    }

    /// Says that it sleeps, then waits for ever, in naps that the host allows.
    #[astrid::hook]
    fn sleep(&self) -> Result<()> {
        log::info("asleep");
        loop {
            time::sleep(Duration::from_secs(60))?;
        }
    }

    /// Waits, so that others get their turn, and answers.
    #[astrid::hook]
    fn nap(&self) -> Result<()> {
        Ok(time::sleep(Duration::from_millis(1))?)
    }

    #[astrid::hook]
    fn panic(&self) {
        panic!("on purpose");
    }

    /// Ends without a word.
    #[astrid::hook]
    fn abort(&self) {
        std::process::abort();
    }

    /// Recurses until its stack is used up.
    #[astrid::hook]
    fn recurse(&self) -> Verdict<(), u64> {
        Verdict::Final(deeper(0))
    }

    /// Takes all memory it can have, and more.
    #[astrid::hook]
    fn hog(&self) {
        let mut all = Vec::new();
        loop {
            all.push(black_box(vec![1_u8; 1 << 20]));
        }
    }

    /// Answers with as many bytes as it is told to, two of them quotes.
    #[astrid::hook]
    fn answer(&self, bytes: usize) -> Verdict<(), String> {
        Verdict::Final("x".repeat(bytes.saturating_sub(2)))
    }
}

#[expect(
    unconditional_recursion,
    reason = "running out of stack is what it is for"
)]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + 1
}
