use astrid_sdk::prelude::*;

#[capsule]
mod guard {
    pub struct Capsule;

    #[astrid::hook]
    fn check() {}
}

fn main() {}
