use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("che'ck")]
    fn check(&self) {}

    #[astrid::hook("a\\b")]
    fn backslash(&self) {}

    #[astrid::hook]
    fn prüfen(&self) {}
}

fn main() {}
