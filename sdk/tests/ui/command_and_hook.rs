use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("status")]
    fn status(&self) {}

    #[astrid::command("status")]
    fn tell(&self) {}
}

fn main() {}
