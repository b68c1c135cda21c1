//! A run loop that fails as soon as it is started; its handler works.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct FailingLoop;

#[capsule]
impl FailingLoop {
    #[astrid::run]
    fn run(&self) {
        log::info("started");
        panic!("on purpose");
    }

    #[astrid::hook]
    fn behave(&self) {}
}
