//! Publishes the very event that it is called for, and so calls itself.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Cycle;

#[capsule]
impl Cycle {
    /// An error is a Deny that says why it was not published.
    #[astrid::hook(topic = "cycle.v1.turn")]
    fn turn(&self) -> Result<()> {
        log::info("a turn");
        Ok(ipc::publish("cycle.v1.turn", &())?)
    }
}
