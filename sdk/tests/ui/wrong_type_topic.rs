use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("check", topic = 5)]
    fn check(&self) {}
}

fn main() {}
