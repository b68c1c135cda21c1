//! A run loop that says that it is ready, and then computes for ever without waiting on anything; its handler works.

#![forbid(unsafe_code)]

use std::hint::black_box;

use astrid_sdk::prelude::*;

#[derive(Default)]
struct SpinningLoop;

#[capsule]
impl SpinningLoop {
    #[astrid::run]
    fn run(&self) {
        runtime::ready();
        let mut turns = 0_u64;
        loop {
            turns = black_box(turns.wrapping_add(1));
        }
    }

    #[astrid::hook]
    fn behave(&self) {}
}
