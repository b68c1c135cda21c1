//! A run loop that publishes to another one without end, and never reads what is published to it.

#![forbid(unsafe_code)]

use std::time::Duration;

use astrid_sdk::prelude::*;
use serde::Serialize;

/// How its publishing went so far.
#[derive(Default, Serialize)]
struct Report {
    accepted: u64,
    backpressure: u64,
    rate_limited: u64,
}

#[derive(Default)]
struct Rival;

#[capsule]
impl Rival {
    #[astrid::run]
    fn run(&self) -> Result<()> {
        let _unread = ipc::subscribe(&env::var("OWN")?)?;
        let other = env::var("OTHER")?;
        runtime::ready();
        let mut report = Report::default();
        loop {
            for _ in 0..1_000 {
                match ipc::publish(&other, &1) {
                    Ok(()) => report.accepted += 1,
                    Err(ipc::Error::Backpressure) => report.backpressure += 1,
                    Err(ipc::Error::RateLimited) => report.rate_limited += 1,
                    Err(error) => return Err(error.into()),
                }
            }
            ipc::publish("rival.v1.report", &report)?;
            // Or it would be stopped as one that only computes.
            time::sleep(Duration::from_millis(1))?;
        }
    }

    #[astrid::hook]
    fn heard(&self) {}
}
