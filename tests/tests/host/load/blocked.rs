//! Who waits for whom: what is blocked holds up nothing else.

use astrid_e2e::guests::Guest;
use astrid_host::dispatch::{Conclusion, DispatchError, Event, HandlerFailure, Outcome, Said};
use astrid_host::engine::Allocation;
use astrid_host::{Capsule, Host};
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

/// More than alice may have in flight.
const BEHIND: u32 = 300;

/// Two capsules that are asked about `both.v1.one`, the fast one first, and each about a topic of its own.
struct FastAndSlow {
    host: Host,
    doors: Doors,
    fast: Capsule,
    /// What the slow one is held up in.
    blocked: tokio::task::JoinHandle<Result<Outcome, DispatchError>>,
}

impl FastAndSlow {
    /// What is said of the slow one's handler, which is held up at once.
    async fn with(slow: &str) -> Self {
        let (host, doors) = with_doors(8).await;
        let handlers = [
            ("fast.v1.one", "count", ""),
            ("both.v1.one", "count", ", priority = 1"),
        ];
        let fast = bound(Guest::Tally, "fast", &handlers, "");
        let fast = host.load(fast).await.unwrap();
        let handlers = [
            ("slow.v1.one", "charge", ""),
            ("both.v1.one", "charge", slow),
        ];
        let slow = bound(Guest::Billing, "slow", &handlers, "");
        host.load(slow).await.unwrap();
        let blocked = tokio::spawn({
            let host = host.clone();
            async move {
                host.dispatch(at_the_doors("alice", "slow.v1.one", true))
                    .await
            }
        });
        doors.came(1).await;
        Self {
            host,
            doors,
            fast,
            blocked,
        }
    }

    /// Dispatches to both, as many as come behind the one that is held up.
    fn behind(&self) -> Vec<tokio::task::JoinHandle<Result<Outcome, DispatchError>>> {
        let dispatched = (0..BEHIND).map(|number| {
            let (host, event) = (
                self.host.clone(),
                numbered("alice", "both.v1.one", 1, 0, number),
            );
            tokio::spawn(async move { host.dispatch(event).await })
        });
        dispatched.collect()
    }

    /// What comes to the fast one alone goes through, of the same principal and of the host.
    async fn nobody_else_waits(&self) {
        for number in 0..1_000 {
            let event = numbered("alice", "fast.v1.one", 0, 0, number);
            done(&self.host, event, 1).await;
        }
        for who in ["alice", "bob"] {
            done(&self.host, at_the_doors(who, "nobody.v1.asked", true), 0).await;
        }
        done(&self.host, at_the_doors("bob", "slow.v1.one", false), 1).await;
        assert_eq!(self.doors.there(), 1);
        assert!(!self.blocked.is_finished());
    }

    /// How many of those that are dispatched to both the fast one has seen, in order.
    async fn passed(&self) -> u32 {
        let seen = seen(&self.host, &self.fast, "alice").await;
        assert_eq!(seen[&0].numbers[&0], (0, 1_000));
        let (from, to) = seen[&1].numbers[&0];
        assert_eq!(from, 0);
        to
    }

    /// Lets the slow one go on; in the end nothing is left.
    async fn open(self) -> (Host, Capsule) {
        self.doors.open();
        ok(self.blocked.await.unwrap().unwrap(), 1);
        assert!(self.host.drain(LONG).await);
        assert!(is_idle(self.host.figures()));
        (self.host, self.fast)
    }
}

#[tokio::test]
async fn a_slow_handler_harms_no_other() {
    let both = FastAndSlow::with(", priority = 2").await;
    let behind = both.behind();
    until(async || {
        let figures = both.host.figures();
        figures.in_flight + figures.waiting == BEHIND as usize + 1
    })
    .await;
    both.nobody_else_waits().await;
    // The slow one's lane holds 64 and those that were in the fast one's before it was full; the others wait outside.
    let passed = both.passed().await;
    assert!((64..=130).contains(&passed), "{passed}");
    let figures = both.host.figures();
    assert_eq!(figures.in_flight, passed as usize + 1);
    assert_eq!(figures.waiting, (BEHIND - passed) as usize);

    let (host, fast) = both.open().await;
    for outcome in behind {
        assert_eq!(outcome.await.unwrap().unwrap().steps.len(), 2);
    }
    let seen = seen(&host, &fast, "alice").await;
    assert_eq!(seen[&1].numbers[&0], (0, BEHIND));
}

#[tokio::test]
async fn a_slow_observer_harms_no_handler() {
    let both = FastAndSlow::with(", priority = 2, mode = \"observe\"").await;
    let mut ran = 0;
    for outcome in both.behind() {
        let outcome = outcome.await.unwrap().unwrap();
        let [fast, slow] = &outcome.steps[..] else {
            panic!("{outcome:?}")
        };
        assert_eq!(
            (outcome.verdict, &fast.said),
            (Conclusion::Continue, &Said::Continue)
        );
        match &slow.said {
            Said::Running => ran += 1,
            Said::Failed(failure) => assert_eq!(failure.kind, HandlerFailure::BACKPRESSURE),
            other => panic!("{other:?}"),
        }
    }
    both.nobody_else_waits().await;
    assert_eq!((ran, both.passed().await), (64, BEHIND));
    let figures = both.host.figures();
    assert_eq!((figures.in_flight, figures.observers), (1, 64));
    assert_eq!(figures.unobserved, u64::from(BEHIND) - 64);
    both.open().await;
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
