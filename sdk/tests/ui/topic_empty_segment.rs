use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("check", topic = "user..prompt")]
    fn check(&self) {}
}

fn main() {}
