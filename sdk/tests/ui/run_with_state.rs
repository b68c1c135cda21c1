use astrid_sdk::prelude::*;

#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Counter;

#[capsule]
impl Counter {
    #[astrid::run]
    fn run(&mut self) {}
}

#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Other;

#[capsule]
impl Other {
    #[astrid::hook]
    fn count(&mut self) {}

    #[astrid::run]
    fn run(&self) {}
}

fn main() {}
