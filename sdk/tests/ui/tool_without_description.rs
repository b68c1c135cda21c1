use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::tool]
    fn search(&self) {}
}

fn main() {}
