use astrid_sdk::prelude::*;

#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Counter;

#[capsule(stat = "counter", state, state, "counter")]
impl Counter {
    #[astrid::hook]
    fn count(&mut self) {}
}

#[capsule(state)]
mod functions {
    #[astrid::hook]
    fn count() {}
}

fn main() {}
