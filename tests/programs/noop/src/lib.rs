//! Does nothing, and does it in two ways: the floor that calls are measured against.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde_json::Value;

#[derive(Default)]
struct Noop;

#[capsule]
impl Noop {
    /// Doesn't even look at its payload.
    #[astrid::hook("noop")]
    fn noop(&self) {}

    /// Parses its payload and prints it again.
    #[astrid::hook("echo")]
    fn echo(&self, payload: Value) -> Verdict<(), Value> {
        Verdict::Final(payload)
    }
}
