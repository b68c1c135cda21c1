use astrid_sdk::prelude::*;

#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Counter;

#[capsule(state = "")]
impl Counter {
    #[astrid::hook]
    fn count(&mut self) {}
}

#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Other;

#[capsule(state = "Zähler")]
impl Other {
    #[astrid::hook]
    fn count(&mut self) {}
}

#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Third;

#[capsule(state = 5)]
impl Third {
    #[astrid::hook]
    fn count(&mut self) {}
}

fn main() {}
