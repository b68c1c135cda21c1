use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::run]
    fn run(&self) -> Result<u32> {
        Ok(1)
    }
}

fn main() {}
