//! Logs a line of 60 MiB.

#![forbid(unsafe_code)]

use std::hint::black_box;

use astrid_sdk::prelude::*;
use astrid_sdk::sys;

#[derive(Default)]
struct HugeLine;

#[capsule]
impl HugeLine {
    #[astrid::hook]
    fn misbehave(&self) {
        sys::log(sys::Level::Info, &line());
    }

    /// Makes the line and keeps it to itself: what that takes is the guest's own memory.
    #[astrid::hook]
    fn prepare(&self) {
        black_box(line());
    }

    #[astrid::hook]
    fn behave(&self) {}
}

fn line() -> String {
    black_box("x".repeat(60 << 20))
}
