use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("check", topic = "user.v1.pro*")]
    fn check(&self) {}
}

fn main() {}
