//! Ends without a word: aborting is wasm's `unreachable`.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Unreachable;

#[capsule]
impl Unreachable {
    #[astrid::hook]
    fn misbehave(&self) {
        std::process::abort();
    }

    #[astrid::hook]
    fn behave(&self) {}
}
