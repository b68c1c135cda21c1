use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::tol]
    fn status(&self) {}
}

fn main() {}
