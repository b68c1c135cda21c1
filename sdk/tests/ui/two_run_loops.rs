use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::run]
    fn one(&self) {}

    #[astrid::run]
    fn two(&self) {}
}

fn main() {}
