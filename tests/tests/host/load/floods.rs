//! Guests that publish too much, and in circles.

use astrid_e2e::guests::Guest;
use astrid_host::dispatch::Event;
use astrid_host::topic::TopicPattern;
use astrid_host::{Capsule, Host};
use serde_json::{Value, json};

use super::doors::Doors;
use super::{bound, is_idle};
use crate::common::{LONG, builder, call_by, host, id, said, with_people};

const MIB: usize = 1 << 20;

/// What becomes of so many messages of a mebibyte.
async fn flood(host: &Host, flooder: &Capsule, who: &str, topic: &str, times: u64) -> Value {
    let order = json!({ "topic": topic, "bytes": MIB, "times": times });
    let reply = host.invoke(flooder, call_by(who, "flood", order)).await;
    said(&reply.unwrap()).1
}

fn report(accepted: u64, backpressure: u64, rate_limited: u64) -> Value {
    json!({ "accepted": accepted, "backpressure": backpressure, "rate_limited": rate_limited })
}

#[tokio::test]
pub(crate) async fn a_capsule_that_publishes_too_much_is_limited() {
    let host = host().await;
    let flooder = host.load(Guest::Flooder.package()).await.unwrap();
    let renamed = Guest::Flooder
        .manifest()
        .replace("\"flooder\"", "\"other\"");
    let other = host
        .load(Guest::Flooder.package_with(&renamed))
        .await
        .unwrap();
    // Nine are a second's worth with 256 bytes for each, and more come through while it takes its time; it is limited
    // when it is faster than its rate.
    let limited = flood(&host, &flooder, "alice", "flood.v1.a", 10_000).await;
    assert_eq!(limited["rate_limited"], 1, "{limited}");
    assert!(limited["accepted"].as_u64() >= Some(9), "{limited}");
    // Others are none the worse: another principal of the capsule, and the principal's other capsule.
    for (capsule, who) in [(&flooder, "bob"), (&other, "alice")] {
        assert_eq!(
            flood(&host, capsule, who, "flood.v1.a", 5).await,
            report(5, 0, 0)
        );
    }
}

#[tokio::test]
async fn what_is_refused_for_want_of_room_costs_nothing_of_the_rate() {
    let doors = Doors::closed();
    let host = with_people(builder().domain(doors.clone())).await;
    let handlers = [("flood.v1.slow", "charge", "")];
    host.load(bound(Guest::Billing, "slow", &handlers, ""))
        .await
        .unwrap();
    let flooder = host.load(Guest::Flooder.package()).await.unwrap();
    for _ in 0..65 {
        let event = Event::json("flood.v1.slow", &1).unwrap().by(&id("alice"));
        host.publish(event).await.unwrap();
    }
    doors.came(1).await;
    let refused = flood(&host, &flooder, "alice", "flood.v1.slow", 40).await;
    assert_eq!(refused, report(0, 40, 0));
    assert_eq!(host.figures().backpressure, 40);
    // A whole second's worth is there still.
    let taken = flood(&host, &flooder, "alice", "flood.v1.free", 9).await;
    assert_eq!(taken, report(9, 0, 0));
    doors.open();
    assert!(host.drain(LONG).await);
}

#[tokio::test]
pub(crate) async fn a_circle_of_two_ends_by_its_depth() {
    let host = host().await;
    for (name, from, to) in [
        ("ping", "flood.v1.ping", "flood.v1.pong"),
        ("pong", "flood.v1.pong", "flood.v1.ping"),
    ] {
        let rest = format!(
            "[publish]\n\"{to}\" = {{}}\n[env]\nTO = {{ type = \"text\", default = \"{to}\" }}\n"
        );
        let handlers = [(from, "pass_on", "")];
        host.load(bound(Guest::Flooder, name, &handlers, &rest))
            .await
            .unwrap();
    }
    let all = TopicPattern::parse("flood.v1.*").unwrap();
    let all = host.subscribe(&all).unwrap();
    // Two circles at once: each has its own depth.
    for who in ["alice", "bob"] {
        let event = Event::json("flood.v1.ping", &()).unwrap().by(&id(who));
        host.publish(event).await.unwrap();
    }
    assert!(host.drain(LONG).await);
    let figures = host.figures();
    assert!(is_idle(figures));
    assert_eq!((figures.too_deep, figures.admitted), (2, 2 * 9));
    let mut heard = Vec::new();
    while all.readiness().is_ready() {
        let message = all.next().await.unwrap();
        heard.push((
            message.attribution.principal().unwrap().to_string(),
            message.topic.to_string(),
        ));
    }
    for who in ["alice", "bob"] {
        let topics: Vec<_> = heard.iter().filter(|(of, _)| of == who).collect();
        let pings = topics.iter().filter(|(_, topic)| topic == "flood.v1.ping");
        // The first, and one caused by each of eight.
        assert_eq!((topics.len(), pings.count()), (9, 5), "{heard:?}");
    }
}
