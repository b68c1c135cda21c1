use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool(topic = "a.b")]
    fn search(&self) {}
}

fn main() {}
