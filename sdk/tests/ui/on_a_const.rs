use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook]
    const CHECK: u32 = 1;

    #[astrid::hook]
    fn check(&self) {}
}

fn main() {}
