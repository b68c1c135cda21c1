use astrid_sdk::prelude::*;

struct Prompt;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook]
    fn check(&self, prompt: Prompt) {
        let _ = prompt;
    }
}

fn main() {}
