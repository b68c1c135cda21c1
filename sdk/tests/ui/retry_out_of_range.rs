use astrid_sdk::prelude::*;

#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Counter;

#[capsule]
impl Counter {
    #[astrid::hook(retry = 0)]
    fn none(&mut self) {}

    #[astrid::hook(retry = 17)]
    fn many(&mut self) {}

    #[astrid::hook(retry = "3")]
    fn text(&mut self) {}

    #[astrid::hook(retry)]
    fn bare(&mut self) {}
}

fn main() {}
