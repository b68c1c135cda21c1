use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::upgrade]
    fn upgrade(&self, _previous: String) {}
}

fn main() {}
