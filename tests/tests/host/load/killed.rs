//! Handlers that end in the middle of a chain, by themselves or with their capsule.

use std::sync::Arc;

use astrid_e2e::guests::Guest;
use astrid_host::dispatch::{Conclusion, Outcome, Said};
use astrid_host::{Capsule, Host};
use tokio::task::JoinSet;

use super::storm::{numbered, seen};
use super::{bound, until};
use crate::common::{LONG, Lines, Sink, builder, with_people};

const TOPIC: &str = "chain.v1.one";

/// A host with a chain of three, the one in the middle being this; the first and the last of them.
async fn chain(middle: Guest, on_error: &str) -> (Host, [Capsule; 3], Arc<Lines>) {
    let lines = Arc::<Lines>::default();
    let sink = Arc::new(Sink(Arc::clone(&lines)));
    let host = with_people(builder().log_sink(sink)).await;
    let more = format!(", priority = 2, on_error = \"{on_error}\"");
    let mut capsules = Vec::new();
    for (guest, name, action, more) in [
        (Guest::Tally, "first", "count", ", priority = 1"),
        (middle, "middle", "misbehave", &*more),
        (Guest::Tally, "last", "count", ", priority = 3"),
    ] {
        let handlers = [(TOPIC, action, more)];
        let package = bound(guest, name, &handlers, "");
        capsules.push(host.load(package).await.unwrap());
    }
    (host, capsules.try_into().unwrap(), lines)
}

/// Dispatches so many events at once, from a number on; their outcomes in that order.
async fn storm(host: &Host, numbers: std::ops::Range<u32>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let dispatched: Vec<_> = numbers.map(|number| dispatching(host, number)).collect();
    for outcome in dispatched {
        outcomes.push(outcome.await.unwrap());
    }
    outcomes
}

fn dispatching(host: &Host, number: u32) -> tokio::task::JoinHandle<Outcome> {
    let (host, event) = (host.clone(), numbered("alice", TOPIC, 0, 0, number));
    tokio::spawn(async move { host.dispatch(event).await.unwrap() })
}

/// What each said, in a word.
fn words(outcome: &Outcome) -> Vec<&'static str> {
    let word = |said: &Said| match said {
        Said::Continue => "continue",
        Said::Deny(_) => "deny",
        Said::Failed(failure) => failure.kind,
        _ => "other",
    };
    outcome.steps.iter().map(|step| word(&step.said)).collect()
}

/// The numbers that a tally saw of alice's.
async fn numbers(host: &Host, tally: &Capsule) -> Option<(u32, u32)> {
    seen(host, tally, "alice")
        .await
        .get(&0)
        .map(|seen| seen.numbers[&0])
}

#[tokio::test]
async fn a_handler_that_dies_in_the_middle_is_passed_over() {
    for middle in [Guest::Panic, Guest::Unreachable] {
        let (host, [first, _, last], _) = chain(middle, "continue").await;
        let outcomes = storm(&host, 0..100).await;
        for (number, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome.verdict, Conclusion::Continue, "{outcome:?}");
            let [before, died, after] = words(outcome)[..] else {
                panic!("{outcome:?}")
            };
            assert_eq!((before, after), ("continue", "continue"));
            // After five failures it isn't called any more, but for one now and then.
            let of_itself = match middle {
                Guest::Panic => "panic",
                _ => "trap",
            };
            let passed_over = number >= 5 && died == "circuit-open";
            assert!(died == of_itself || passed_over, "{number}: {died}");
        }
        for tally in [&first, &last] {
            assert_eq!(numbers(&host, tally).await, Some((0, 100)));
        }
    }
}

#[tokio::test]
async fn a_guard_that_dies_in_the_middle_denies_each_time() {
    let (host, [first, _, last], _) = chain(Guest::Panic, "deny").await;
    for outcome in storm(&host, 0..100).await {
        assert_eq!(outcome.verdict, Conclusion::Deny, "{outcome:?}");
        assert_eq!(outcome.steps.len(), 2);
        assert!(outcome.reason.unwrap().contains("on purpose"));
    }
    assert_eq!(numbers(&host, &first).await, Some((0, 100)));
    assert_eq!(numbers(&host, &last).await, None, "it was never asked");
}

#[tokio::test]
async fn a_capsule_that_is_unloaded_while_it_is_asked_leaves_the_chain() {
    const BEHIND: u32 = 50;
    for (on_error, verdict) in [
        ("continue", Conclusion::Continue),
        ("deny", Conclusion::Deny),
    ] {
        let (host, [first, middle, last], lines) = chain(Guest::Sleeper, on_error).await;
        let asked = dispatching(&host, 0);
        lines.have(1).await;
        let mut behind = JoinSet::new();
        let dispatched: Vec<_> = (1..=BEHIND)
            .map(|number| dispatching(&host, number))
            .collect();
        for queued in dispatched {
            behind.spawn(async move { queued.await.unwrap() });
        }
        // All have passed the first, and wait for the sleeper.
        until(async || numbers(&host, &first).await == Some((0, 1 + BEHIND))).await;
        host.unload(&middle);
        // What it was blocked in ended: its answer is an error, which is a refusal.
        let asked = asked.await.unwrap();
        assert_eq!(words(&asked), ["continue", "deny"]);
        assert_eq!(asked.verdict, Conclusion::Deny);
        assert!(asked.reason.unwrap().contains("unloaded"));
        while let Some(outcome) = behind.join_next().await {
            let outcome = outcome.unwrap();
            assert_eq!(outcome.verdict, verdict, "{outcome:?}");
            assert_eq!(words(&outcome)[1], "unloaded");
        }
        // In order, after the one that was refused.
        let passed = (on_error == "continue").then_some((1, 1 + BEHIND));
        assert_eq!(numbers(&host, &last).await, passed);
        // What is published now isn't for it.
        let after = dispatching(&host, 1 + BEHIND).await.unwrap();
        assert_eq!(after.steps.len(), 2);
        assert!(host.drain(LONG).await);
    }
}
