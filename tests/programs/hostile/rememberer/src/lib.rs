//! Keeps in its own memory what it was told, and tells it to whoever asks: what one principal said must not reach
//! another.

#![forbid(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use astrid_sdk::prelude::*;

/// What every capsule is told not to do.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[derive(Default)]
struct Rememberer;

#[capsule]
impl Rememberer {
    #[astrid::hook]
    fn remember(&self, what: String) {
        TOLD.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(what);
    }

    #[astrid::hook]
    fn recall(&self) -> Verdict<(), Vec<String>> {
        Verdict::Final(TOLD.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
