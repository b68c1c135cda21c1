use astrid_sdk::{astrid::hook, prelude::*};

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[hook]
    fn check(&self) {}

    /// Searches.
    #[tool("search")]
    fn search(
        &self,
        /// What for.
        text: String,
    ) -> String {
        text
    }
}

#[capsule]
mod functions {
    #[run]
    fn run() {}
}

fn main() {}
