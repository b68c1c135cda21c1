use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool]
    fn search(&self, text: &str, (a, b): (u8, u8), #[cfg(all())] c: impl Into<u8>) {}
}

fn main() {}
