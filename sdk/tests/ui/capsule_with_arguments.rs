use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule(name = "guard")]
impl Guard {
    #[astrid::hook]
    fn check(&self) {}
}

fn main() {}
