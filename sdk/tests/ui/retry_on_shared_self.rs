use astrid_sdk::prelude::*;

#[derive(Default)]
struct Counter;

#[capsule]
impl Counter {
    #[astrid::hook("look", retry = 3)]
    fn look(&self) {}

    #[astrid::command("say", retry = 3)]
    fn say() {}
}

fn main() {}
