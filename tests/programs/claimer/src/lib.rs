//! Publishes a number on behalf of whomever it is told: an uplink, whose word is only a claim.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Claimer;

#[capsule]
impl Claimer {
    /// For whom, and which number.
    #[astrid::hook]
    fn claim(&self, (principal, number): (String, u32)) -> Result<()> {
        Ok(ipc::publish_as(&principal, "claim.v1.made", &number)?)
    }
}
