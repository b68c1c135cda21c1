//! Answers with as many bytes as it is told to.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct HugeAnswer;

#[capsule]
impl HugeAnswer {
    /// As a reason to deny: that is handed over as it is, while anything else would be made JSON first.
    #[astrid::hook]
    fn answer(&self, bytes: usize) -> Verdict {
        Verdict::Deny("x".repeat(bytes))
    }

    /// As an answer: a string, with its quotes.
    #[astrid::hook]
    fn give(&self, bytes: usize) -> Verdict<(), String> {
        Verdict::Final("x".repeat(bytes.saturating_sub(2)))
    }

    #[astrid::hook]
    fn behave(&self) {}
}
