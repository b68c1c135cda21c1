use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool(mutabel = true)]
    fn search(&self) {}
}

fn main() {}
