use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook]
    fn check(&self, _text: impl Into<String>) {}
}

fn main() {}
