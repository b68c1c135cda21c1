use astrid_sdk::prelude::*;

struct Guard;

impl Guard {
    #[astrid::hook("check")]
    fn check(&self) {}
}

#[astrid::run]
fn run() {}

fn main() {}
