use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook(topic = "user.v1.prompt")]
    fn check(&self) {}

    #[astrid::hook(topic = "user.v1.prompt")]
    fn look(&self) {}

    /// Searches.
    #[astrid::tool]
    fn search(&self) {}

    #[astrid::hook(topic = "tool.v1.execute.search")]
    fn again(&self) {}
}

fn main() {}
