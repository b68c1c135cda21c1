use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook]
    unsafe extern "C" fn check(&self) {}
}

fn main() {}
