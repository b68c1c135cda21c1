use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool]
    fn search(&self) -> std::time::Instant {
        std::time::Instant::now()
    }

    /// Finds.
    #[astrid::tool]
    fn find(&self) -> Result<std::time::Instant> {
        Err("no".into())
    }

    /// Loses.
    #[astrid::tool]
    fn lose(&self) -> std::result::Result<u8, ()> {
        Ok(1)
    }
}

fn main() {}
