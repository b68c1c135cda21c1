use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook]
    #[astrid::run]
    fn check(&self) {}
}

fn main() {}
