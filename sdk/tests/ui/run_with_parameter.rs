use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::run]
    fn run(&self, text: String) {}
}

fn main() {}
