use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::tool(description = "a", description = "b")]
    fn search(&self) {}
}

fn main() {}
