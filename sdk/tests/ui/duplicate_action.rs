use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("check")]
    fn check(&self) {}

    #[astrid::hook("check")]
    fn other(&self) {}
}

fn main() {}
