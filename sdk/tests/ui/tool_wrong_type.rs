use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool("search", mutable = "yes")]
    fn search(&self) {}

    #[astrid::tool(description = 5)]
    fn find(&self) {}
}

fn main() {}
