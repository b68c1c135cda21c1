use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::hook("check", topic = "a.b.c.d.e.f.g.h.i")]
    fn check(&self) {}
}

fn main() {}
