use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    /// Searches.
    #[astrid::tool]
    fn search(&self, city: String, _city: String) -> String {
        city
    }

    /// Looks.
    #[astrid::tool]
    fn look(&self, _city: String, city: String) -> String {
        city
    }
}

fn main() {}
