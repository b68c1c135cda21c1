//! Computes for ever.

#![forbid(unsafe_code)]

use std::hint::black_box;

use astrid_sdk::prelude::*;

#[derive(Default)]
struct EndlessLoop;

#[capsule]
impl EndlessLoop {
    #[astrid::hook]
    fn misbehave(&self) {
        let mut turns = 0_u64;
        loop {
            turns = black_box(turns.wrapping_add(1));
        }
    }

    #[astrid::hook]
    fn behave(&self) {}
}
