use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool("search")]
    fn one(&self) {}

    /// Searches.
    #[astrid::tool("search")]
    fn two(&self) {}

    #[astrid::hook("tool_describe")]
    fn describe(&self) {}
}

fn main() {}
