use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook]
    fn check<T>(&self, _payload: T) {}
}

fn main() {}
