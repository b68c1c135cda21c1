//! Logs 100,000 lines as fast as it can.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct LogFlood;

#[capsule]
impl LogFlood {
    #[astrid::hook]
    fn misbehave(&self) {
        for number in 0..100_000 {
            log::info!("line {number}");
        }
    }

    #[astrid::hook]
    fn behave(&self) {
        log::info("one line");
    }
}
