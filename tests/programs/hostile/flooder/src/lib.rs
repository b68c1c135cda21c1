//! Publishes as much as it is told to, and tells what became of it.

#![forbid(unsafe_code)]

use std::time::Duration;

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order {
    topic: String,
    /// Of each payload, at least 2.
    bytes: usize,
    times: u64,
}

#[derive(Deserialize)]
struct Numbers {
    topic: String,
    count: u64,
}

/// An event as a tally takes it.
#[derive(Serialize)]
struct Numbered {
    topic: u16,
    publisher: u16,
    number: u64,
}

#[derive(Default, Serialize)]
struct Report {
    accepted: u64,
    backpressure: u64,
    /// It stops at the first.
    rate_limited: u64,
}

#[derive(Default)]
struct Flooder;

#[capsule]
impl Flooder {
    #[astrid::hook]
    fn flood(&self, order: Order) -> Result<Verdict<(), Report>> {
        let payload = format!("\"{}\"", "x".repeat(order.bytes.saturating_sub(2)));
        let mut report = Report::default();
        for _ in 0..order.times {
            match ipc::publish_json(&order.topic, &payload) {
                Ok(()) => report.accepted += 1,
                Err(ipc::Error::Backpressure) => report.backpressure += 1,
                Err(ipc::Error::RateLimited) => {
                    report.rate_limited += 1;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Verdict::Final(report))
    }

    /// Publishes so many numbered events, each again until it is taken.
    #[astrid::hook]
    fn number(&self, order: Numbers) -> Result<Verdict<(), Report>> {
        let mut report = Report::default();
        while report.accepted < order.count {
            let event = Numbered {
                topic: 0,
                publisher: 0,
                number: report.accepted,
            };
            match ipc::publish(&order.topic, &event) {
                Ok(()) => report.accepted += 1,
                Err(ipc::Error::Backpressure) => {
                    report.backpressure += 1;
                    time::sleep(Duration::from_micros(100))?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Verdict::Final(report))
    }

    /// Causes the next event of a circle.
    #[astrid::hook]
    fn pass_on(&self) -> Result<()> {
        Ok(ipc::publish(&env::var("TO")?, &())?)
    }
}
