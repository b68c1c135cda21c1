//! Who waits for whom: what is blocked holds up nothing else.

use astrid_e2e::guests::Guest;
use astrid_host::Host;
use astrid_host::dispatch::{Conclusion, Event, Outcome};
use astrid_host::engine::Allocation;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::doors::Doors;
use super::storm::{numbered, seen};
use super::{bound, is_idle, until};
use crate::common::{LONG, builder, id, with_people};

/// A host with closed doors.
async fn with_doors(slots: u32) -> (Host, Doors) {
    let doors = Doors::closed();
    let allocation = Allocation::Pooled { instances: slots };
    let host = with_people(builder().allocation(allocation).domain(doors.clone())).await;
    (host, doors)
}

/// What a handler at the doors is asked: to wait, or not to.
fn at_the_doors(who: &str, topic: &str, waits: bool) -> Event {
    Event::json(topic, &u32::from(waits)).unwrap().by(&id(who))
}

/// What is dispatched is done while others are blocked, by so many handlers.
async fn done(host: &Host, event: Event, steps: usize) {
    let outcome = timeout(LONG, host.dispatch(event))
        .await
        .expect("it is held up");
    ok(outcome.unwrap(), steps);
}

fn ok(outcome: Outcome, steps: usize) {
    assert_ne!(outcome.verdict, Conclusion::Deny, "{outcome:?}");
    assert_eq!(outcome.steps.len(), steps, "{outcome:?}");
}

#[tokio::test]
async fn a_slow_handler_harms_no_other() {
    const BEHIND: u32 = 100;
    let (host, doors) = with_doors(8).await;
    let fast = [
        ("fast.v1.one", "count", ""),
        ("both.v1.one", "count", ", priority = 1"),
    ];
    let fast = host
        .load(bound(Guest::Tally, "fast", &fast, ""))
        .await
        .unwrap();
    let slow = [
        ("slow.v1.one", "charge", ""),
        ("both.v1.one", "charge", ", priority = 2"),
    ];
    let slow = bound(Guest::Billing, "slow", &slow, "");
    host.load(slow).await.unwrap();
    let mut blocked = tokio::spawn({
        let host = host.clone();
        async move {
            host.dispatch(at_the_doors("alice", "slow.v1.one", true))
                .await
        }
    });
    doors.came(1).await;

    // The slow one's lane is taken: what comes to it in a chain waits there, and is out of the fast one's way.
    for number in 0..BEHIND {
        let event = numbered("alice", "both.v1.one", 1, 0, number);
        host.publish(event).await.unwrap();
    }
    // Of the same principal, which the slow handler serves.
    for number in 0..1_000 {
        let event = numbered("alice", "fast.v1.one", 0, 0, number);
        done(&host, event, 1).await;
    }
    let seen = seen(&host, &fast, "alice").await;
    assert_eq!(seen[&0].numbers[&0], (0, 1_000));
    assert_eq!(seen[&1].numbers[&0], (0, BEHIND));
    assert_eq!(host.figures().in_flight, BEHIND as usize + 1);
    assert_eq!(doors.there(), 1);
    assert!(!blocked.is_finished());

    doors.open();
    ok((&mut blocked).await.unwrap().unwrap(), 1);
    assert!(host.drain(LONG).await);
    assert!(is_idle(host.figures()));
}

#[tokio::test]
async fn a_storm_of_one_principal_leaves_the_others_alone() {
    const TOPICS: [&str; 5] = ["t.v1.a", "t.v1.b", "t.v1.c", "t.v1.d", "t.v1.e"];
    // One slot besides those that alice's calls hold.
    let (host, doors) = with_doors(TOPICS.len() as u32 + 1).await;
    for topic in TOPICS {
        let name = topic.replace('.', "-");
        let handlers = [(topic, "charge", "")];
        host.load(bound(Guest::Billing, &name, &handlers, ""))
            .await
            .unwrap();
    }
    let mut storm = JoinSet::new();
    for number in 0..500 {
        let (host, topic) = (host.clone(), TOPICS[number % TOPICS.len()]);
        storm.spawn(async move { host.dispatch(at_the_doors("alice", topic, true)).await });
    }
    doors.came(TOPICS.len()).await;
    until(async || host.figures().in_flight + host.figures().waiting == 500).await;
    // As many as a principal may have in flight; the others wait outside.
    assert_eq!(host.figures().in_flight, 256);
    assert_eq!(host.figures().waiting, 244);

    for number in 0..1_000 {
        let event = at_the_doors("bob", TOPICS[number % TOPICS.len()], false);
        done(&host, event, 1).await;
    }
    assert_eq!(doors.there(), TOPICS.len(), "nothing of alice's moved");
    assert!(storm.try_join_next().is_none());

    doors.open();
    while let Some(outcome) = storm.join_next().await {
        ok(outcome.unwrap().unwrap(), 1);
    }
    assert_eq!(doors.there(), 500);
    assert!(host.drain(LONG).await);
    assert!(is_idle(host.figures()));
}

#[tokio::test]
async fn a_host_that_is_dropped_under_load_leaves_nothing_behind() {
    let (host, doors) = with_doors(4).await;
    let handlers = [("t.v1.a", "charge", "")];
    host.load(bound(Guest::Billing, "slow", &handlers, ""))
        .await
        .unwrap();
    host.load(bound(
        Guest::Ticker,
        "ticker",
        &[],
        "[publish]\n\"ticker.v1.*\" = {}\n",
    ))
    .await
    .unwrap();
    for number in 0..60 {
        let who = ["alice", "bob"][number % 2];
        host.publish(at_the_doors(who, "t.v1.a", true))
            .await
            .unwrap();
    }
    doors.came(2).await;
    drop(host);
    doors.open();
    let left = timeout(LONG, doors.out_of_reach()).await;
    assert!(left.is_ok(), "something of the host is still there");
    assert_eq!(doors.there(), 2, "what was queued has nobody to go to");
}
