use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hok]
    fn one(&self) {}

    #[astrid::hook(on_eror = "deny")]
    fn two(&mut self) {}
}

fn main() {}
