use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook = "check"]
    fn check(&self) {}
}

fn main() {}
