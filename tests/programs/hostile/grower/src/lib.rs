//! Takes memory and keeps it from call to call: for many principals it holds many times its limit.

#![forbid(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use astrid_sdk::prelude::*;
use serde::Deserialize;

static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

#[derive(Default)]
struct Grower;

#[derive(Deserialize)]
struct Grow {
    mib: usize,
}

#[capsule]
impl Grower {
    /// Takes so many MiB more, or as many as there are, and answers with how many it has.
    #[astrid::hook]
    fn grow(&self, Grow { mib }: Grow) -> Verdict<(), usize> {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..mib {
            let mut more = Vec::new();
            if more.try_reserve_exact(1 << 20).is_err() {
                break;
            }
            more.resize(1 << 20, 1);
            kept.push(more);
        }
        Verdict::Final(kept.len())
    }
}
