//! A run loop that waits for two topics and a ticker at once, and tells of each turn that it takes.

#![forbid(unsafe_code)]

use astrid_sdk::{poll, prelude::*};
use serde::Serialize;

const TOPICS: [&str; 3] = ["waiter.v1.a", "waiter.v1.b", "ticker.v1.tick"];

/// A turn of the loop.
#[derive(Serialize)]
struct Turn {
    count: u64,
    /// Which of the topics were ready.
    ready: Vec<usize>,
    /// How many messages they had.
    messages: usize,
}

#[derive(Default)]
struct Waiter;

#[capsule]
impl Waiter {
    #[astrid::run]
    fn run(&self) -> Result<()> {
        let [a, b, ticks] = TOPICS;
        let all = [
            ipc::subscribe(a)?,
            ipc::subscribe(b)?,
            ipc::subscribe(ticks)?,
        ];
        let readiness = all.each_ref().map(ipc::Subscription::readiness);
        runtime::ready();
        let mut count = 0;
        loop {
            let ready = match poll::wait_any(&readiness.each_ref()) {
                Err(poll::Error::Cancelled) => return Ok(()),
                ready => ready?,
            };
            count += 1;
            let ready: Vec<_> = ready.iter().collect();
            let mut messages = 0;
            for index in &ready {
                let batch = all[*index].poll()?;
                messages += batch.map_or(0, |batch| batch.messages.len());
            }
            ipc::publish(
                "waiter.v1.turn",
                &Turn {
                    count,
                    ready,
                    messages,
                },
            )?;
        }
    }
}
