use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::whatever]
    fn check(&self) {}
}

fn main() {}
