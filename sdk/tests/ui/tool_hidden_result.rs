use astrid_sdk::prelude::*;

type Found = core::result::Result<u8, String>;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool]
    fn search(&self) -> Found {
        Ok(1)
    }
}

fn main() {}
