//! Computes for ever, and calls the host at each turn.

#![forbid(unsafe_code)]

use std::hint::black_box;

use astrid_sdk::prelude::*;

#[derive(Default)]
struct EndlessCalls;

#[capsule]
impl EndlessCalls {
    #[astrid::hook]
    fn misbehave(&self) {
        loop {
            black_box(time::now());
        }
    }

    #[astrid::hook]
    fn behave(&self) {}
}
