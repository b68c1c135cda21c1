use astrid_sdk::prelude::*;

#[derive(serde::Deserialize, serde::Serialize)]
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
