use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::tool]
    fn search(&self) {}

    #[astrid::cron("hourly")]
    fn tick(&self) {}

    #[astrid::command]
    fn greet(&self) {}
}

fn main() {}
