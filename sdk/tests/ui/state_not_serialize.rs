use astrid_sdk::prelude::*;

#[derive(Default)]
struct Counter {
    count: u64,
}

#[capsule]
impl Counter {
    #[astrid::hook]
    fn count(&mut self) {
        self.count += 1;
    }
}

fn main() {}
