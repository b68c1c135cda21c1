//! The bus as publishers and subscribers see it.

use std::sync::Barrier;
use std::time::Duration;

use super::*;
use crate::topic::TopicPattern;

const MIB: usize = 1024 * 1024;

fn bus() -> EventBus {
    EventBus::new(Uuid::new_v4())
}

fn owner() -> Owner {
    Owner::new("reader", 10_000)
}

fn subscribe(bus: &EventBus, pattern: &str) -> Subscription {
    let pattern = TopicPattern::parse(pattern).unwrap();
    bus.subscribe(&pattern, &owner()).unwrap()
}

fn verified(name: &str) -> Attribution {
    Attribution::Verified(name.parse().unwrap())
}

fn draft(topic: &str, payload: &str) -> Draft {
    Draft {
        topic: Topic::parse(topic).unwrap(),
        payload: Payload::parse(payload).unwrap(),
        source: Uuid::nil(),
        attribution: verified("alice"),
    }
}

fn publish(bus: &EventBus, topic: &str, payload: &str) -> Arc<Message> {
    bus.publish(draft(topic, payload))
}

fn large(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

fn payloads(batch: &Batch) -> Vec<&str> {
    batch
        .messages
        .iter()
        .map(|message| message.payload.as_str())
        .collect()
}

/// Everything that waits in a subscription.
fn drain(subscription: &Subscription) -> Vec<Arc<Message>> {
    let mut all = Vec::new();
    loop {
        let batch = subscription.poll().unwrap();
        if batch.messages.is_empty() {
            return all;
        }
        all.extend(batch.messages);
    }
}

#[test]
fn a_message_reaches_who_subscribes_to_its_topic() {
    let bus = bus();
    let [exact, wild, other] = ["a.b", "a.*", "b.*"].map(|pattern| subscribe(&bus, pattern));
    let message = publish(&bus, "a.b", "1");
    for subscription in [&exact, &wild] {
        let batch = subscription.poll().unwrap();
        assert!(Arc::ptr_eq(&batch.messages[0], &message));
        assert_eq!(
            (batch.messages.len(), batch.dropped, batch.lagged),
            (1, 0, 0)
        );
    }
    assert!(other.poll().unwrap().messages.is_empty());
    drop(wild);
    assert_eq!(bus.subscriptions(&message.topic), 1);
    assert_eq!(bus.metrics().delivered, 2);
}

#[test]
fn a_full_subscription_drops_its_oldest_and_says_so() {
    let bus = bus();
    let subscription = subscribe(&bus, "a");
    for number in 0..QUEUE_MESSAGES + 3 {
        publish(&bus, "a", &number.to_string());
    }
    let batch = subscription.poll().unwrap();
    assert_eq!((batch.dropped, batch.lagged), (3, 3));
    assert_eq!(batch.messages[0].payload.as_str(), "3");
    assert_eq!(batch.messages.len(), BATCH_MESSAGES);
    assert_eq!(
        batch.messages.len() + drain(&subscription).len(),
        QUEUE_MESSAGES
    );
    for number in 0..=QUEUE_MESSAGES {
        publish(&bus, "a", &number.to_string());
    }
    let batch = subscription.poll().unwrap();
    assert_eq!((batch.dropped, batch.lagged), (1, 4));
    assert_eq!(subscription.poll().unwrap().dropped, 0);
    assert_eq!(subscription.lagged(), 4);
    assert_eq!(bus.metrics().dropped, 4);
}

#[test]
fn a_full_subscription_holds_up_nobody_else() {
    let bus = bus();
    let _full = subscribe(&bus, "a");
    let reads = subscribe(&bus, "a");
    for number in 0..3 * QUEUE_MESSAGES {
        publish(&bus, "a", &number.to_string());
        assert_eq!(payloads(&reads.poll().unwrap()), [number.to_string()]);
    }
    assert_eq!(reads.lagged(), 0);
}

#[test]
fn large_messages_fill_a_subscription_by_their_bytes() {
    let bus = bus();
    let subscription = subscribe(&bus, "a");
    for _ in 0..100 {
        publish(&bus, "a", &large(MIB));
    }
    let waiting = drain(&subscription);
    assert!(waiting.len() * MIB <= QUEUE_BYTES && (waiting.len() + 2) * MIB > QUEUE_BYTES);
    assert_eq!(subscription.lagged(), 100 - waiting.len() as u64);
    assert_eq!(waiting.last().unwrap().seq, bus.metrics().published - 1);
}

#[test]
fn a_batch_is_bounded_in_bytes_and_keeps_the_rest() {
    let bus = bus();
    let subscription = subscribe(&bus, "a");
    for _ in 0..20 {
        publish(&bus, "a", &large(MIB));
    }
    let mut sizes = Vec::new();
    loop {
        let batch = subscription.poll().unwrap();
        let bytes: usize = batch.messages.iter().map(|message| message.size()).sum();
        assert!(bytes <= BATCH_BYTES);
        if batch.messages.is_empty() {
            break;
        }
        sizes.push(batch.messages.len());
    }
    assert_eq!(sizes, [7, 7, 6]);
}

#[test]
fn a_batch_never_mixes_principals() {
    let bus = bus();
    let subscription = subscribe(&bus, "a");
    let claimed = |by| Attribution::Claimed {
        principal: "alice".parse().unwrap(),
        by,
    };
    let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
    let order = [
        verified("alice"),
        verified("alice"),
        verified("bob"),
        verified("alice"),
        claimed(one),
        claimed(two),
        Attribution::System,
        Attribution::System,
    ];
    for attribution in &order {
        bus.publish(Draft {
            attribution: attribution.clone(),
            ..draft("a", "1")
        });
    }
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let batch = subscription.poll().unwrap();
        let Some(first) = batch.messages.first() else {
            break;
        };
        assert!(
            batch
                .messages
                .iter()
                .all(|m| m.attribution == first.attribution)
        );
        sizes.push(batch.messages.len());
        seen.extend(batch.messages.iter().map(|m| m.attribution.clone()));
    }
    assert_eq!(seen, order);
    assert_eq!(sizes, [2, 1, 1, 1, 1, 2]);
}

#[test]
fn above_the_fan_out_a_guests_message_is_refused() {
    let bus = bus();
    let mut subscriptions: Vec<_> = (0..FAN_OUT).map(|_| subscribe(&bus, "a")).collect();
    let message = draft("a", "1");
    assert_eq!(bus.may_fan_out(&message), Ok(()));
    subscriptions.push(subscribe(&bus, "*"));
    let refused = bus.may_fan_out(&message).unwrap_err();
    assert_eq!(refused.subscriptions, FAN_OUT + 1);
    assert_eq!(bus.metrics().refused, 1);
    // The host's own goes to all.
    bus.publish(draft("a", "3"));
    for subscription in &subscriptions {
        assert_eq!(payloads(&subscription.poll().unwrap()), ["3"]);
    }
}

#[test]
fn the_fan_out_counts_those_that_would_hear_the_message() {
    let bus = bus();
    let owner = Owner::new("many", usize::MAX);
    let pattern = TopicPattern::parse("a").unwrap();
    let of = |who: &str| {
        let only = who.parse().unwrap();
        let subscription = bus.subscribe_for(&pattern, &owner, Some(&only));
        subscription.unwrap()
    };
    let mut subscriptions: Vec<_> = (0..2 * FAN_OUT).map(|_| of("bob")).collect();
    subscriptions.extend((0..FAN_OUT - 1).map(|_| of("alice")));
    subscriptions.push(subscribe(&bus, "*"));
    let by = |attribution| Draft {
        attribution,
        ..draft("a", "1")
    };
    assert_eq!(bus.may_fan_out(&by(verified("alice"))), Ok(()));
    assert_eq!(bus.may_fan_out(&by(verified("carol"))), Ok(()));
    let refused = bus.may_fan_out(&by(verified("bob"))).unwrap_err();
    assert_eq!(refused.subscriptions, 2 * FAN_OUT + 1);
    subscriptions.push(of("alice"));
    let refused = bus.may_fan_out(&by(verified("alice"))).unwrap_err();
    assert_eq!(refused.subscriptions, FAN_OUT + 1);
    // What the host says all would hear.
    assert!(bus.may_fan_out(&by(Attribution::System)).is_err());
}

/// (dropped, lagged) of the reports that wait in a subscription to them.
fn reports(subscription: &Subscription) -> Vec<(u64, u64)> {
    drain(subscription)
        .iter()
        .map(|message| {
            assert_eq!(message.attribution, Attribution::System);
            let report: serde_json::Value = serde_json::from_str(message.payload.as_str()).unwrap();
            assert_eq!(report["subscriber"], "reader");
            assert_eq!(report["pattern"], "a");
            (
                report["dropped"].as_u64().unwrap(),
                report["lagged"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn lag_is_reported_at_most_once_in_ten_seconds() {
    let bus = bus();
    let subscription = subscribe(&bus, "a");
    let watcher = subscribe(&bus, LAGGED);
    let overfill = |by| (0..by).for_each(|_| drop(publish(&bus, "a", "1")));
    overfill(QUEUE_MESSAGES);
    assert_eq!(reports(&watcher), []);
    overfill(5);
    assert_eq!(reports(&watcher), [(1, 1)]);
    tokio::time::advance(REPORT_EVERY - Duration::from_millis(1)).await;
    overfill(5);
    assert_eq!(reports(&watcher), []);
    tokio::time::advance(Duration::from_millis(1)).await;
    overfill(5);
    assert_eq!(reports(&watcher), [(10, 11)]);
    // What came after the last report is reported when the subscription is next read, if nothing is dropped till then.
    tokio::time::advance(REPORT_EVERY).await;
    subscription.poll().unwrap();
    assert_eq!(reports(&watcher), [(4, 15)]);
    tokio::time::advance(REPORT_EVERY).await;
    subscription.poll().unwrap();
    assert_eq!(reports(&watcher), []);
}

#[tokio::test(start_paused = true)]
async fn each_subscription_reports_for_itself() {
    let bus = bus();
    let _subscriptions = [subscribe(&bus, "a"), subscribe(&bus, "a")];
    let watcher = subscribe(&bus, LAGGED);
    (0..=QUEUE_MESSAGES).for_each(|_| drop(publish(&bus, "a", "1")));
    assert_eq!(reports(&watcher), [(1, 1), (1, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_report_that_pushes_out_another_starts_none() {
    let bus = bus();
    let watcher = subscribe(&bus, LAGGED);
    let _subscription = subscribe(&bus, "a");
    (0..QUEUE_MESSAGES).for_each(|_| drop(publish(&bus, "a", "1")));
    for _ in 0..QUEUE_MESSAGES + 2 {
        publish(&bus, "a", "1");
        tokio::time::advance(REPORT_EVERY).await;
    }
    assert_eq!(watcher.lagged(), 2);
    assert_eq!(bus.metrics().reports, QUEUE_MESSAGES as u64 + 2);
    // It says so when it is read.
    watcher.poll().unwrap();
    assert_eq!(bus.metrics().reports, QUEUE_MESSAGES as u64 + 3);
}

#[test]
fn every_subscription_sees_numbers_ascend_whoever_publishes() {
    const PUBLISHERS: usize = 4;
    const EACH: usize = 200;
    let bus = bus();
    let subscriptions: Vec<_> = ["a.*", "*", "a.1", "a.2"]
        .map(|p| subscribe(&bus, p))
        .into();
    let start = Barrier::new(PUBLISHERS);
    std::thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (bus, start) = (&bus, &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..EACH {
                    publish(bus, &format!("a.{publisher}"), &number.to_string());
                }
            });
        }
    });
    for (subscription, publishers) in subscriptions.iter().zip([PUBLISHERS, PUBLISHERS, 1, 1]) {
        let seen = drain(subscription);
        assert_eq!(seen.len(), publishers * EACH);
        assert!(seen.is_sorted_by(|a, b| a.seq < b.seq));
        for publisher in 0..PUBLISHERS {
            let topic = format!("a.{publisher}");
            let of = seen
                .iter()
                .filter(|message| message.topic.as_str() == topic);
            let numbers: Vec<usize> = of.map(|m| m.payload.as_str().parse().unwrap()).collect();
            assert!(numbers.is_sorted());
        }
    }
}

#[test]
fn who_subscribed_before_loses_nothing_while_others_come_and_go() {
    let bus = bus();
    let before = subscribe(&bus, "a.*");
    let start = Barrier::new(3);
    std::thread::scope(|scope| {
        for comer in 0..2 {
            let (bus, start) = (&bus, &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..300 {
                    let mine = format!("a.{comer}-{number}");
                    let subscription = subscribe(bus, &mine);
                    publish(bus, &mine, "0");
                    assert_eq!(payloads(&subscription.poll().unwrap()), ["0"]);
                }
            });
        }
        start.wait();
        (0..300).for_each(|_| drop(publish(&bus, "a.b", "1")));
    });
    let seen = drain(&before);
    assert_eq!(seen.len(), 900);
    assert_eq!(bus.subscriptions(&Topic::parse("a.0-1").unwrap()), 1);
}

#[test]
fn an_owner_is_bounded_and_closes_its_subscriptions_together() {
    let bus = bus();
    let owner = Owner::new("greeter", 2);
    let pattern = TopicPattern::parse("a").unwrap();
    let subscribe = || bus.subscribe(&pattern, &owner);
    let (one, two) = (subscribe().unwrap(), subscribe().unwrap());
    assert_eq!(
        subscribe().err(),
        Some(SubscribeError::Quota {
            owner: "greeter".into(),
            limit: 2
        })
    );
    drop(two);
    let two = subscribe().unwrap();
    assert_eq!(owner.subscriptions(), 2);
    publish(&bus, "a", "1");
    let ready = two.readiness();
    owner.close();
    assert!(one.poll().is_err() && two.poll().is_err() && ready.is_ready());
    assert!(matches!(
        subscribe().err(),
        Some(SubscribeError::Closed { .. })
    ));
    drop((one, two));
    assert_eq!(owner.subscriptions(), 0);
    assert_eq!(bus.subscriptions(&Topic::parse("a").unwrap()), 0);
    assert!(ready.is_ready());
}

#[tokio::test(start_paused = true)]
async fn recv_waits_no_longer_than_it_is_told_or_may() {
    let subscription = subscribe(&bus(), "a");
    for (asked, waited) in [(0, 0), (5, 5), (60, 60), (61, 60), (u64::MAX, 60)] {
        let began = Instant::now();
        let batch = subscription.recv(Duration::from_secs(asked)).await.unwrap();
        assert!(batch.messages.is_empty());
        let elapsed = began.elapsed();
        let waited = Duration::from_secs(waited);
        assert!(
            elapsed >= waited && elapsed <= waited + Duration::from_millis(2),
            "{elapsed:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn recv_ends_with_the_first_message() {
    let bus = bus();
    let subscription = subscribe(&bus, "a");
    let publisher = bus.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        publish(&publisher, "a", "1");
    });
    let began = Instant::now();
    let batch = subscription.recv(RECV_MAX).await.unwrap();
    assert_eq!(payloads(&batch), ["1"]);
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_wait_that_is_dropped_loses_nothing() {
    let bus = bus();
    let subscription = subscribe(&bus, "a");
    for number in 0..100 {
        // Asked once while nothing is there, told, and dropped without being asked again.
        let mut recv = Box::pin(subscription.recv(RECV_MAX));
        let mut next = Box::pin(subscription.next());
        assert!(asked_once(recv.as_mut()).await.is_none());
        assert!(asked_once(next.as_mut()).await.is_none());
        publish(&bus, "a", &number.to_string());
        drop((recv, next));
        assert_eq!(
            payloads(&subscription.poll().unwrap()),
            [number.to_string()]
        );
    }
}

/// Asks a future once.
async fn asked_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn readiness_takes_nothing_and_stays() {
    let bus = bus();
    let subscription = subscribe(&bus, "a");
    let readiness = subscription.readiness();
    assert!(!readiness.is_ready());
    let waiting = tokio::spawn({
        let readiness = readiness.clone();
        async move { readiness.ready().await }
    });
    tokio::task::yield_now().await;
    publish(&bus, "a", "1");
    waiting.await.unwrap();
    readiness.ready().await;
    readiness.ready().await;
    assert!(readiness.is_ready());
    assert_eq!(payloads(&subscription.poll().unwrap()), ["1"]);
    assert!(!readiness.is_ready());
    drop(subscription);
    readiness.ready().await;
}

#[tokio::test]
async fn next_gives_one_message_at_a_time_until_the_end() {
    let bus = bus();
    let owner = owner();
    let subscription = bus
        .subscribe(&TopicPattern::parse("a").unwrap(), &owner)
        .unwrap();
    let reader = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(message) = subscription.next().await {
            seen.push(message.seq);
            if seen.len() == 3 {
                owner.close();
            }
        }
        seen
    });
    (0..3).for_each(|_| drop(publish(&bus, "a", "1")));
    assert_eq!(reader.await.unwrap(), [0, 1, 2]);
}

/// An owner of so many subscriptions to a topic each, `a.0` and so on, which may hold so much together.
fn hoarder(bus: &EventBus, count: usize, most: usize) -> (Owner, Vec<Subscription>) {
    let owner = Owner::new("hoarder", count).holding(most);
    let subscriptions = (0..count).map(|number| {
        let pattern = TopicPattern::parse(&format!("a.{number}")).unwrap();
        bus.subscribe(&pattern, &owner).unwrap()
    });
    let subscriptions = subscriptions.collect();
    (owner, subscriptions)
}

#[test]
fn all_subscriptions_of_an_owner_share_one_budget_of_bytes() {
    const MOST: usize = 8 * MIB;
    let bus = bus();
    let (owner, subscriptions) = hoarder(&bus, 16, MOST);
    let message = large(MIB / 2);
    for _ in 0..4 {
        for number in 0..subscriptions.len() {
            publish(&bus, &format!("a.{number}"), &message);
            assert!(owner.held() <= MOST);
        }
    }
    // As much as fits, and each has the same part of it.
    assert!(owner.held() + MIB > MOST, "{}", owner.held());
    let read: Vec<_> = subscriptions.iter().map(drain).collect();
    let lost: u64 = subscriptions.iter().map(Subscription::lagged).sum();
    let kept: usize = read.iter().map(Vec::len).sum();
    assert_eq!(kept + lost as usize, 64);
    assert_eq!(bus.metrics().dropped, lost);
    assert!(read.iter().all(|read| read.len() <= 1), "{kept}");
    assert_eq!(owner.held(), 0);
}

#[test]
fn who_is_not_read_takes_nothing_from_who_is() {
    const MOST: usize = 8 * MIB;
    let bus = bus();
    let (owner, subscriptions) = hoarder(&bus, 4, MOST);
    let message = large(MIB);
    for _ in 0..20 {
        publish(&bus, "a.0", &message);
    }
    assert!(owner.held() + 2 * MIB > MOST);
    for number in 0..20 {
        publish(&bus, "a.1", &number.to_string());
        assert_eq!(
            payloads(&subscriptions[1].poll().unwrap()),
            [number.to_string()]
        );
        // Nor from one that is read now and then, and holds no more than its share meanwhile.
        publish(&bus, "a.2", &large(MIB / 4 * 3));
        if number % 2 == 1 {
            assert_eq!(drain(&subscriptions[2]).len(), 2);
        }
    }
    assert_eq!(subscriptions[1].lagged() + subscriptions[2].lagged(), 0);
    // What it lost is told to who reads it, although nothing was published to it.
    let before = subscriptions[0].lagged();
    let batch = subscriptions[0].poll().unwrap();
    assert_eq!((batch.dropped, batch.lagged), (before, before));
    assert!(before > 13, "{before}");
}

#[test]
fn what_is_closed_or_gone_holds_nothing_of_the_budget() {
    let bus = bus();
    let (owner, mut subscriptions) = hoarder(&bus, 3, MIB);
    for number in 0..3 {
        publish(&bus, &format!("a.{number}"), "1");
    }
    let all = owner.held();
    drop(subscriptions.pop());
    assert_eq!(owner.held(), all / 3 * 2);
    subscriptions[0].poll().unwrap();
    assert_eq!(owner.held(), all / 3);
    owner.close();
    assert_eq!(owner.held(), 0);
    publish(&bus, "a.0", "1");
    assert_eq!(owner.held(), 0);
}

#[test]
fn a_message_larger_than_the_budget_pushes_out_the_others_and_comes() {
    let bus = bus();
    let (owner, subscriptions) = hoarder(&bus, 2, MIB / 2);
    publish(&bus, "a.0", "1");
    publish(&bus, "a.1", &large(MIB));
    assert_eq!(subscriptions[0].lagged(), 1);
    assert_eq!(drain(&subscriptions[1]).len(), 1);
    assert_eq!(owner.held(), 0);
}
