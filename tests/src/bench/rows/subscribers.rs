//! An event that a thousand subscriptions hear.

use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host::bus::{QUEUE_MESSAGES, Subscription};
use astrid_host::topic::TopicPattern;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::crowd;
use super::publish::events;
use super::subject::payload;
use crate::Failure;
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 1_000;
const SUBSCRIBERS: usize = 1_000;
const TOPIC: &str = "heard.v1.event";

/// `Host::publish` to subscriptions that nobody waits for, against an `Arc` sent into as many channels.
pub(super) fn line(runtime: &Runtime) -> Result<Line, Failure> {
    let host = runtime.block_on(crowd::host())?;
    let pattern = TopicPattern::parse(TOPIC)?;
    let subscriptions: Vec<Subscription> = (0..SUBSCRIBERS)
        .map(|_| host.subscribe(&pattern))
        .collect::<Result<_, _>>()?;
    let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..SUBSCRIBERS)
        .map(|_| mpsc::channel::<Arc<[u8]>>(QUEUE_MESSAGES))
        .unzip();
    let message: Arc<[u8]> = payload(1024).into();

    let [channels, bus] = round_robin::<2, Failure>(ROUNDS, |contestant| {
        let elapsed: Duration;
        if contestant == 0 {
            let began = Instant::now();
            for sender in &senders {
                sender.try_send(Arc::clone(&message))?;
            }
            elapsed = began.elapsed();
            for receiver in &mut receivers {
                receiver.try_recv()?;
            }
        } else {
            let event = events(1, TOPIC, payload(1024))?.remove(0);
            let began = Instant::now();
            runtime.block_on(host.publish(event))?;
            elapsed = began.elapsed();
            for subscription in &subscriptions {
                if subscription.poll()?.messages.len() != 1 {
                    return Err("a subscription didn't hear the event".into());
                }
            }
        }
        Ok((elapsed, 1))
    })?;
    Ok(Line::at_most(
        "publish to 1,000 subscriptions",
        1.5,
        ("an Arc into 1,000 tokio channels", &channels),
        &bus,
    ))
}
