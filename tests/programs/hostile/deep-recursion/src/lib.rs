//! Recurses until its stack is used up.

#![forbid(unsafe_code)]

use std::hint::black_box;

use astrid_sdk::prelude::*;

#[derive(Default)]
struct DeepRecursion;

#[capsule]
impl DeepRecursion {
    #[astrid::hook]
    fn misbehave(&self) -> Verdict<(), u64> {
        Verdict::Final(deeper(0))
    }

    #[astrid::hook]
    fn behave(&self) {}
}

#[expect(
    unconditional_recursion,
    reason = "running out of stack is what it is for"
)]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + 1
}
