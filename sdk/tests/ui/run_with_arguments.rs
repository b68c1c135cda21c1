use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::run("run")]
    fn run(&self) {}
}

fn main() {}
