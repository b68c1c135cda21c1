use astrid_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Place;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool]
    fn search(&self, place: Place) {}
}

fn main() {}
