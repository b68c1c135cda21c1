use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hok("check")]
    fn check(&self) {}
}

fn main() {}
