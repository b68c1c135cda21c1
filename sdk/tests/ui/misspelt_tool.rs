use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::tol]
    fn status(
        &self,
        /// Of whom.
        _name: String,
    ) {
    }
}

fn main() {}
