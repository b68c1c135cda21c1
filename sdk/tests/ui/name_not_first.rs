use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook(priority = 1, "check")]
    fn check(&self) {}
}

fn main() {}
