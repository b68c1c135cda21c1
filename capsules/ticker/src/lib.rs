//! Ticks, and tells how often it did.
//!
//! A run loop is called once and goes on for as long as the capsule is loaded. This one does two things in one wait:
//! [`recv`](ipc::Subscription::recv) returns when a question comes, or when it is time for the next tick.

#![forbid(unsafe_code)]

use std::time::Duration;

use astrid_sdk::prelude::*;
use serde::Serialize;

const TICK: &str = "ticker.v1.tick";
const COUNT: &str = "ticker.v1.count";

#[derive(Serialize)]
struct Tick {
    count: u64,
}

#[derive(Default)]
struct Ticker;

#[capsule]
impl Ticker {
    #[astrid::run]
    fn run(&self) -> Result<()> {
        let interval = interval()?;
        let questions = ipc::subscribe(COUNT)?;
        // From here on no question is missed.
        runtime::ready();
        let mut count = 0;
        let mut next = time::Instant::now() + interval;
        loop {
            let left = next.duration_since(time::Instant::now());
            match questions.recv(left) {
                Ok(Some(batch)) => {
                    for question in &batch {
                        answer(question, count);
                    }
                }
                // Nobody asked, so this is done on behalf of the capsule's own principal.
                Ok(None) => {
                    count += 1;
                    next = next + interval;
                    tick(count);
                }
                // The capsule is being unloaded.
                Err(ipc::Error::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn interval() -> Result<Duration> {
    let seconds: u64 = env::var_or("SECONDS", "10")?.parse()?;
    if seconds == 0 {
        return Err("SECONDS must be 1 or more".into());
    }
    Ok(Duration::from_secs(seconds))
}

/// A tick that can't be published is lost; the next one counts it.
fn tick(count: u64) {
    if let Err(error) = ipc::publish(TICK, &Tick { count }) {
        log::warn!("tick {count} is lost: {error}");
    }
}

/// A question that makes no sense, or whose answer nobody takes, is no reason to stop.
fn answer(question: &ipc::Message, count: u64) {
    let answered = question
        .read()
        .and_then(|request: ipc::Request<()>| ipc::respond(COUNT, &request, &count));
    if let Err(error) = answered {
        log::warn!("a question stays unanswered: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_sdk::testing::{Host, Incoming};
    use serde_json::{Value, json};

    fn host() -> Host {
        Host::new().manifest(include_str!("../Capsule.toml"))
    }

    /// What is published within half a minute: topic, payload and principal.
    fn published(host: &Host) -> Vec<(String, Value, String)> {
        host.unload_after(Duration::from_secs(30));
        assert_eq!(host.start(&Ticker), Some(Ok(())));
        assert!(host.is_ready());
        let published = host.published();
        published
            .into_iter()
            .map(|message| {
                let payload = message.read().unwrap_or_default();
                let principal = message.principal.name().unwrap_or_default();
                (message.topic, payload, principal.to_owned())
            })
            .collect()
    }

    fn question(after: u64) -> Incoming {
        let question = json!({ "correlation_id": "c1", "body": null });
        Incoming::new(COUNT, &question).after(Duration::from_secs(after))
    }

    fn ticked(count: u64) -> (String, Value, String) {
        (TICK.into(), json!({ "count": count }), "default".into())
    }

    #[test]
    fn it_ticks_every_so_often() {
        assert_eq!(published(&host()), [ticked(1), ticked(2)]);
        let host = host().env("SECONDS", "25");
        assert_eq!(published(&host), [ticked(1)]);
    }

    #[test]
    fn a_question_is_answered_and_moves_no_tick() {
        let host = host().env("SECONDS", "12");
        host.deliver(question(13).by("alice"));
        let answer = (
            "ticker.v1.count.response.c1".into(),
            json!({ "correlation_id": "c1", "body": 1 }),
            "alice".into(),
        );
        assert_eq!(published(&host), [ticked(1), answer, ticked(2)]);
    }

    #[test]
    fn neither_nonsense_nor_a_busy_bus_stops_it() {
        let host = host().refuse_publish(TICK, ipc::Error::Backpressure);
        host.deliver(Incoming::new(COUNT, "what?"));
        assert_eq!(published(&host), []);
        assert_eq!(host.logs().len(), 3);
    }

    #[test]
    fn an_interval_that_is_none_is_an_error() {
        for seconds in ["0", "soon", "-1"] {
            let ending = host().env("SECONDS", seconds).start(&Ticker);
            assert!(matches!(ending, Some(Err(_))), "{seconds}");
        }
    }
}
