use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::cron("hourly")]
    fn tick(&self) {}
}

fn main() {}
