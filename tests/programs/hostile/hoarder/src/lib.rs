//! A run loop that subscribes to the same as often as it is told to, and reads nothing of it until it is asked what is
//! there.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde::Serialize;

const READ: &str = "hoard.v1.read";

/// What was there, in all subscriptions together.
#[derive(Default, Serialize)]
struct Hoard {
    messages: u64,
    /// Of payloads.
    bytes: usize,
    dropped: u64,
    lagged: u64,
    /// The oldest and the newest of the last subscription that had any, where they are short.
    first: Option<String>,
    last: Option<String>,
}

impl Hoard {
    fn read(&mut self, subscription: &ipc::Subscription) -> Result<()> {
        let mut lagged = 0;
        let mut first = true;
        while let Some(batch) = subscription.poll()? {
            self.dropped += batch.dropped;
            lagged = batch.lagged;
            if batch.messages.is_empty() {
                break;
            }
            for message in batch {
                self.messages += 1;
                self.bytes += message.payload.len();
                let short = (message.payload.len() < 100).then_some(message.payload);
                if std::mem::take(&mut first) {
                    self.first.clone_from(&short);
                }
                self.last = short;
            }
        }
        self.lagged += lagged;
        Ok(())
    }
}

#[derive(Default)]
struct Hoarder;

#[capsule]
impl Hoarder {
    #[astrid::run]
    fn run(&self) -> Result<()> {
        let questions = ipc::subscribe(READ)?;
        let count: usize = env::var_or("SUBSCRIPTIONS", "1")?.parse()?;
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(ipc::subscribe("hoard.v1.thing")?);
        }
        runtime::ready();
        while let Some(batch) = questions.wait()? {
            for question in batch {
                let request: ipc::Request<()> = question.read()?;
                let mut hoard = Hoard::default();
                for subscription in &all {
                    hoard.read(subscription)?;
                }
                ipc::respond(READ, &request, &hoard)?;
            }
        }
        Ok(())
    }
}
