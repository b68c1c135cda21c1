//! Panics.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Panic;

#[capsule]
impl Panic {
    #[astrid::hook]
    fn misbehave(&self) {
        panic!("on purpose");
    }

    #[astrid::hook]
    fn behave(&self) {}
}
