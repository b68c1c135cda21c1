use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[cfg(unix)]
    #[astrid::hook]
    fn check(&self) {}
}

fn main() {}
