//! Takes all memory it can have, and more.

#![forbid(unsafe_code)]

use std::hint::black_box;

use astrid_sdk::prelude::*;

#[derive(Default)]
struct MemoryHog;

#[capsule]
impl MemoryHog {
    #[astrid::hook]
    fn misbehave(&self) {
        let mut all = Vec::new();
        loop {
            all.push(black_box(vec![1_u8; 1 << 20]));
        }
    }

    #[astrid::hook]
    fn behave(&self) {}
}
