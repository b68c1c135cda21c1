use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook(topic = "user.v1.prompt", on_error = "deny", mode = "observe")]
    fn check(&self) {}
}

fn main() {}
