use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook]
    fn check(&self, _text: String, _user: String) {}
}

fn main() {}
