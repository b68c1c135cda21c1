use astrid_sdk::prelude::*;

#[capsule]
struct Guard;

fn main() {}
