use astrid_sdk::prelude::*;

struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook]
    fn check(&self) {}
}

fn main() {}
