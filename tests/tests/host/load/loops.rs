//! Run loops under load: that only publish, that don't read, and that wait.

use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::bus::{LAGGED, QUEUE_MESSAGES, Subscription};
use astrid_host::capsule::{LoopState, Readiness};
use astrid_host::dispatch::Event;
use astrid_host::domain::ipc::SUBSCRIPTIONS;
use astrid_host::topic::TopicPattern;
use astrid_host::{Capsule, Host};
use serde_json::{Value, json};

use super::doors::Doors;
use super::until;
use crate::common::{LONG, ask, builder, host, id, with_people};

fn hear(host: &Host, pattern: &str) -> Subscription {
    host.subscribe(&TopicPattern::parse(pattern).unwrap())
        .unwrap()
}

/// The next message's payload.
async fn next(subscription: &Subscription) -> Value {
    let message = subscription.next().await.unwrap();
    serde_json::from_str(message.payload.as_str()).unwrap()
}

async fn publish(host: &Host, topic: &str, payload: impl serde::Serialize) {
    let event = Event::json(topic, &payload).unwrap().by(&id("alice"));
    host.publish(event).await.unwrap();
}

async fn ready(host: &Host, guest: Guest, manifest: &str) -> Capsule {
    let capsule = host.load(guest.package_with(manifest)).await.unwrap();
    assert_eq!(capsule.wait_ready(LONG).await, Readiness::Ready);
    capsule
}

#[tokio::test]
pub(crate) async fn two_loops_that_only_publish_hold_nobody_up() {
    // Only to see that nothing of the host is left.
    let doors = Doors::closed();
    let host = with_people(builder().domain(doors.clone())).await;
    let (reports, lost) = (hear(&host, "rival.v1.report"), hear(&host, LAGGED));
    let mut rivals = Vec::new();
    for (name, own, other) in [
        ("a", "rival.v1.a", "rival.v1.b"),
        ("b", "rival.v1.b", "rival.v1.a"),
    ] {
        let manifest = Guest::Rival.manifest();
        let manifest = manifest
            .replace("name = \"rival\"", &format!("name = \"{name}\""))
            .replace("rival.v1.own", own)
            .replace("rival.v1.other", other);
        rivals.push(ready(&host, Guest::Rival, &manifest).await);
    }
    let noop = host.load(Guest::Noop.package()).await.unwrap();
    // Each is refused for want of room in the other's lane, and each loses what it doesn't read.
    let mut refused = std::collections::BTreeSet::new();
    while refused.len() < 2 {
        let report = reports.next().await.unwrap();
        let figures: Value = serde_json::from_str(report.payload.as_str()).unwrap();
        if figures["backpressure"].as_u64() > Some(0) && figures["accepted"].as_u64() > Some(64) {
            refused.insert(report.source);
        }
        // Others are served meanwhile.
        ask(&host, &noop, "noop", ()).await.unwrap();
    }
    let mut behind = std::collections::BTreeSet::new();
    while behind.len() < 2 {
        let report = next(&lost).await;
        assert_eq!(
            report["pattern"],
            format!("rival.v1.{}", report["subscriber"].as_str().unwrap())
        );
        behind.insert(report["subscriber"].to_string());
    }
    assert!(host.bus_metrics().dropped > 0 && host.figures().backpressure > 0);
    for rival in &rivals {
        assert_eq!(rival.run_loop(), Some(LoopState::Running));
    }

    // One goes while both are at it, then the host.
    host.unload(&rivals[0]);
    until(async || rivals[0].run_loop() == Some(LoopState::Ended)).await;
    ask(&host, &noop, "noop", ()).await.unwrap();
    assert_eq!(rivals[1].run_loop(), Some(LoopState::Running));
    drop((host, noop, rivals, reports, lost));
    let left = tokio::time::timeout(LONG, doors.out_of_reach()).await;
    assert!(left.is_ok(), "something of the host is still there");
}

/// What a hoarder finds in its subscriptions when it is asked.
async fn hoard(host: &Host) -> Value {
    let answers = hear(host, "hoard.v1.read.response.*");
    publish(
        host,
        "hoard.v1.read",
        json!({ "correlation_id": "c1", "body": null }),
    )
    .await;
    next(&answers).await["body"].clone()
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_a_subscription_loses_is_told() {
    const STORM: usize = 3_000;
    let host = host().await;
    let _hoarder = ready(&host, Guest::Hoarder, &Guest::Hoarder.manifest()).await;
    let lost = hear(&host, LAGGED);
    let storm = async |from: usize| {
        for number in from..from + STORM {
            publish(&host, "hoard.v1.thing", number).await;
        }
    };
    storm(0).await;
    storm(STORM).await;
    // Once in ten seconds, however much is lost: the first one at once.
    let report = next(&lost).await;
    assert_eq!(
        report,
        json!({ "subscriber": "hoarder", "pattern": "hoard.v1.thing", "dropped": 1, "lagged": 1 })
    );
    assert!(!lost.readiness().is_ready());
    let dropped = 2 * STORM - QUEUE_MESSAGES;
    assert_eq!(host.bus_metrics().dropped, dropped as u64);
    tokio::time::advance(Duration::from_secs(10)).await;
    publish(&host, "hoard.v1.thing", 2 * STORM).await;
    let report = next(&lost).await;
    assert_eq!(
        (&report["dropped"], &report["lagged"]),
        (&json!(dropped), &json!(dropped + 1))
    );
    storm(2 * STORM + 1).await;
    assert!(!lost.readiness().is_ready());

    // The guest finds the newest, and how many it lost.
    let (last, dropped) = (3 * STORM, 3 * STORM + 1 - QUEUE_MESSAGES);
    let found = hoard(&host).await;
    assert_eq!(
        (&found["messages"], &found["dropped"]),
        (&json!(QUEUE_MESSAGES), &json!(dropped))
    );
    assert_eq!(found["lagged"], dropped);
    let kept = [&found["first"], &found["last"]].map(|number| number.as_str().unwrap().to_owned());
    assert_eq!(
        kept,
        [last + 1 - QUEUE_MESSAGES, last].map(|number| number.to_string())
    );
    // And nothing more, the next time.
    publish(&host, "hoard.v1.thing", "one more").await;
    let found = hoard(&host).await;
    assert_eq!(
        (&found["messages"], &found["dropped"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(host.bus_metrics().reports, 2);
}

#[tokio::test]
async fn a_run_loop_may_hold_all_subscriptions_of_its_capsule() {
    let host = host().await;
    // With the one by which it is asked.
    let count = format!("default = \"{}\"", SUBSCRIPTIONS - 1);
    let manifest = Guest::Hoarder.manifest().replace("default = \"1\"", &count);
    let _hoarder = ready(&host, Guest::Hoarder, &manifest).await;
    publish(&host, "hoard.v1.thing", 1).await;
    assert_eq!(hoard(&host).await["messages"], SUBSCRIPTIONS - 1);
}

#[tokio::test]
async fn all_subscriptions_of_a_capsule_hold_64_mib_together() {
    const HELD: usize = 16;
    const MESSAGES: usize = 20;
    const MIB: usize = 1 << 20;
    let host = host().await;
    let manifest = Guest::Hoarder
        .manifest()
        .replace("default = \"1\"", &format!("default = \"{HELD}\""));
    let _hoarder = ready(&host, Guest::Hoarder, &manifest).await;
    for _ in 0..MESSAGES {
        publish(&host, "hoard.v1.thing", "x".repeat(MIB - 2)).await;
    }
    let found = hoard(&host).await;
    let [messages, bytes, dropped] =
        ["messages", "bytes", "dropped"].map(|what| found[what].as_u64().unwrap() as usize);
    assert_eq!(messages + dropped, HELD * MESSAGES);
    assert_eq!(bytes, messages * MIB);
    // Their envelopes count too.
    assert!(bytes < 64 * MIB && bytes > 62 * MIB, "{bytes}");
    assert_eq!(host.bus_metrics().dropped, dropped as u64);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_loop_that_waits_for_several_things_is_parked() {
    let host = host().await;
    let turns = hear(&host, "waiter.v1.turn");
    let waiter = Guest::Waiter.manifest() + "\n[runtime]\ncpu_ms = 100\n";
    let waiter = ready(&host, Guest::Waiter, &waiter).await;
    for (count, (topic, index)) in [("waiter.v1.a", 0), ("waiter.v1.b", 1), ("waiter.v1.a", 0)]
        .into_iter()
        .enumerate()
    {
        publish(&host, topic, 1).await;
        let turn = json!({ "count": count + 1, "ready": [index], "messages": 1 });
        assert_eq!(next(&turns).await, turn);
    }
    // A day of waiting is no turn, and no computing: more than 100 ms of that, and it would be stopped.
    for _ in 0..24 {
        tokio::time::advance(Duration::from_secs(3_600)).await;
        tokio::task::yield_now().await;
    }
    assert!(!turns.readiness().is_ready());
    assert_eq!(waiter.run_loop(), Some(LoopState::Running));
    // Time is one of the things: another capsule's ticks. Each turn has its cause.
    let _ticker = ready(&host, Guest::Ticker, &Guest::Ticker.manifest()).await;
    for count in 4..10 {
        let turn = next(&turns).await;
        assert_eq!(
            (&turn["count"], &turn["ready"]),
            (&json!(count), &json!([2]))
        );
        assert_eq!(turn["messages"], 1);
    }
    publish(&host, "waiter.v1.b", 1).await;
    let turn = next(&turns).await;
    assert_eq!((&turn["count"], &turn["ready"]), (&json!(10), &json!([1])));
    host.unload(&waiter);
    until(async || waiter.run_loop() == Some(LoopState::Ended)).await;
}
