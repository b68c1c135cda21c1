use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::run]
    fn run(&self, _text: String) {}
}

fn main() {}
