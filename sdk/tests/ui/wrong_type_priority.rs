use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("check", priority = "20")]
    fn check(&self) {}
}

fn main() {}
