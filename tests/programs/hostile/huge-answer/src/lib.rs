//! Answers with as many bytes as it is told to.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct HugeAnswer;

#[capsule]
impl HugeAnswer {
    /// A string, with its quotes.
    #[astrid::hook]
    fn answer(&self, bytes: usize) -> Verdict<(), String> {
        Verdict::Final("x".repeat(bytes.saturating_sub(2)))
    }

    #[astrid::hook]
    fn behave(&self) {}
}
