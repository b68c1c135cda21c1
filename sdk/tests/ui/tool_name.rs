use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool("Search me")]
    fn search(&self) {}

    /// Searches.
    #[astrid::tool(other)]
    fn find(&self) {}

    /// Searches.
    #[astrid::tool(name = "third")]
    fn third(&self) {}
}

fn main() {}
