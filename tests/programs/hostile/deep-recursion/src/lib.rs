//! Recurses until its stack is used up: the engine's, or the one in linear memory.

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

    /// Uses up the stack in linear memory before the engine's.
    #[astrid::hook]
    fn nest(&self, levels: u32) -> Verdict<(), u32> {
        Verdict::Final(nested(levels))
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

/// Recurses `levels` deep, with 1 KiB of variables a level.
fn nested(levels: u32) -> u32 {
    let variables = black_box([levels; 256]);
    let below = match levels {
        0 => 0,
        more => nested(more - 1),
    };
    below + u32::from(black_box(variables)[7] == levels)
}
