use astrid_sdk::prelude::*;

#[capsule]
mod guard {
    #[astrid::hook]
    fn check(&self) {}
}

fn main() {}
