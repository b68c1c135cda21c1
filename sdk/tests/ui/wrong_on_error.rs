use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("check", on_error = "denny")]
    fn check(&self) {}
}

fn main() {}
