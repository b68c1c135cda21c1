//! The end-to-end scenarios.

fn main() {}
