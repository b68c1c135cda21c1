use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("check", mode = "observer")]
    fn check(&self) {}
}

fn main() {}
