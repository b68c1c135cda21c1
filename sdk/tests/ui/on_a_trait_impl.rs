use astrid_sdk::prelude::*;

trait Check {
    fn check(&self);
}

#[derive(Default)]
struct Guard;

#[capsule]
impl Check for Guard {
    #[astrid::hook]
    fn check(&self) {}
}

fn main() {}
