use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard<T>(T);

#[capsule]
impl<T: Default> Guard<T> {
    #[astrid::hook]
    fn check(&self) {}
}

fn main() {}
