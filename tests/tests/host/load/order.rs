//! The order of events under load.

use std::collections::BTreeMap;

use astrid_e2e::guests::Guest;
use astrid_host::Capsule;
use astrid_host::engine::Allocation;
use serde_json::json;
use tokio::time::timeout;

use super::bound;
use super::storm::{Seen, Storm, add, expected, seen, topic};
use crate::common::{LONG, builder, call_by, configured, said, with_people};

/// Chains of three, of a capsule a stage.
const CHAINS: u16 = 10;
/// Topics with one handler.
const SINGLES: u16 = 18;
/// Instances neither make room for others nor go after so many calls: they remember what they saw.
const KEPT: &str = "[engine]\ninstances = 500\ninstance_calls = 1_000_000_000\n";
const PRINCIPALS: [&str; 4] = ["alice", "bob", "carol", "default"];

/// A tally with the topics that it handles.
type Placed = (Capsule, Vec<u16>);

/// Fifty capsules: chains, single handlers, and two that come last in several chains, one of them beside the chain.
async fn place(host: &astrid_host::Host) -> Vec<Placed> {
    let mut placed = Vec::new();
    let mut load = async |topics: Vec<u16>, action: &str, more: &str| {
        let names: Vec<_> = topics.iter().map(|number| topic(*number)).collect();
        let handlers: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), action, more))
            .collect();
        let name = format!("tally-{}", placed.len());
        let capsule = host
            .load(bound(Guest::Tally, &name, &handlers, ""))
            .await
            .unwrap();
        placed.push((capsule, topics));
    };
    // Not in the order of their priorities.
    for priority in [30, 10, 20] {
        for chain in 0..CHAINS {
            load(vec![chain], "count", &format!(", priority = {priority}")).await;
        }
    }
    for single in CHAINS..CHAINS + SINGLES {
        load(vec![single], "count", "").await;
    }
    load(vec![0, 1, 2], "count", ", priority = 40").await;
    load(vec![3, 4, CHAINS], "watch", ", mode = \"observe\"").await;
    assert_eq!(placed.len(), 50);
    placed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub(crate) async fn nothing_is_lost_or_doubled_and_the_order_is_kept() {
    let storm = Storm {
        publishers: 8,
        events: 100_000,
        topics: CHAINS + SINGLES,
        principals: PRINCIPALS.into(),
    };
    let host = configured(KEPT).build().await.unwrap();
    add(&host, &PRINCIPALS[..3]);
    let mut placed = place(&host).await;
    let (watcher, watched) = placed.pop().unwrap();
    let published = timeout(LONG, storm.rage(&host)).await.expect("it hangs");
    let total: u32 = published.values().sum();
    assert_eq!(total as usize, storm.events);
    assert_eq!(host.figures().admitted, storm.events as u64);
    // The one beside the chain has seen, in order, all that there was room for.
    let mut unobserved = 0;
    for who in PRINCIPALS {
        let seen = seen(&host, &watcher, who).await;
        for (topic, publishers) in expected(&published, &watched, who) {
            for (publisher, (_, count)) in publishers {
                let numbers = seen
                    .get(&topic)
                    .and_then(|seen| seen.numbers.get(&publisher));
                let (missed, next) = numbers.copied().unwrap_or_default();
                unobserved += u64::from(count - next + missed);
            }
        }
    }
    assert_eq!(host.figures().unobserved, unobserved);
    for who in PRINCIPALS {
        let mut orders = BTreeMap::<u16, Seen>::new();
        for (tally, topics) in &placed {
            let seen = seen(&host, tally, who).await;
            let numbers = seen
                .iter()
                .map(|(topic, seen)| (*topic, seen.numbers.clone()));
            let expected = expected(&published, topics, who);
            assert_eq!(
                numbers.collect::<BTreeMap<_, _>>(),
                expected,
                "{tally:?} for {who}"
            );
            // Whoever handles a topic sees the same order of its publishers.
            for (topic, seen) in seen {
                let first = orders.entry(topic).or_insert_with(|| seen.clone());
                assert_eq!(*first, seen, "{tally:?} for {who}, topic {topic}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_few_instances_all_are_served_all_the_same() {
    // Room for a tenth of the capsules and principals: instances come and go all the time, and so does what they saw.
    let storm = Storm {
        publishers: 8,
        events: 4_000,
        topics: CHAINS + SINGLES,
        principals: PRINCIPALS.into(),
    };
    let slots = Allocation::Pooled { instances: 20 };
    let host = builder().allocation(slots).build().await.unwrap();
    add(&host, &PRINCIPALS[..3]);
    place(&host).await;
    let published = timeout(LONG, storm.rage(&host)).await.expect("it hangs");
    assert_eq!(
        host.figures().admitted,
        u64::from(published.values().sum::<u32>())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_guest_publishes_until_it_is_taken_comes_once_and_in_order() {
    const COUNT: u32 = 2_000;
    let host = with_people(builder()).await;
    let flooder = host.load(Guest::Flooder.package()).await.unwrap();
    let handlers = [("flood.v1.numbers", "count", "")];
    let tally = host
        .load(bound(Guest::Tally, "tally", &handlers, ""))
        .await
        .unwrap();
    let order = json!({ "topic": "flood.v1.numbers", "count": COUNT });
    let people = ["alice", "bob"];
    let [alice, bob] = people.map(|who| host.invoke(&flooder, call_by(who, "number", &order)));
    let (alice, bob) = tokio::join!(alice, bob);
    let refused =
        [alice, bob].map(|reply| said(&reply.unwrap()).1["backpressure"].as_u64().unwrap());
    assert!(host.drain(LONG).await);
    // Much faster than it is handled, so its lane was full now and then.
    assert_eq!(host.figures().backpressure, refused.iter().sum::<u64>());
    for who in people {
        assert_eq!(seen(&host, &tally, who).await[&0].numbers[&0], (0, COUNT));
    }
}
