//! Publishes a number on behalf of whomever it is told, and whatever it is told on any topic: an uplink, whose word is only
//! a claim.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Claimer;

#[capsule]
impl Claimer {
    /// For whom, and which number.
    #[astrid::hook]
    fn claim(&self, (principal, number): (String, u32)) -> Result<()> {
        let principal = ipc::Principal::new(principal)?;
        Ok(ipc::publish_as(&principal, "claim.v1.made", &number)?)
    }

    /// On which topic, and what.
    #[astrid::hook]
    fn say(&self, (topic, payload): (String, serde_json::Value)) -> Result<()> {
        Ok(ipc::publish(&topic, &payload)?)
    }
}
