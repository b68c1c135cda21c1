//! What is bounded: each lane, what observers hold, and bytes as well as events.

use std::collections::BTreeSet;
use std::time::Duration;

use astrid_host::call::Verdict;
use astrid_host::dispatch::{Amount, Budget, DispatchError, Event, Limit, Limits};

use crate::world::{World, budget, capsule, event, event_of, go_on, limits, on, rewrite, said};

const T: &str = "user.v1.prompt";
const OTHER: &str = "user.v1.other";
const MIB: usize = 1024 * 1024;

/// The bound that keeps an event out now.
fn refused(world: &World, event: Event) -> Option<Limit> {
    match world.dispatcher.try_publish(event) {
        Ok(_) => None,
        Err(DispatchError::Backpressure { limit, .. }) => Some(limit),
        Err(other) => panic!("{other}"),
    }
}

/// Lets every task run until it waits.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[test]
fn the_numbers() {
    let budget = Budget {
        principal: Amount {
            events: 256,
            bytes: 64 * MIB,
        },
        host: Amount {
            events: 4_096,
            bytes: 512 * MIB,
        },
    };
    let limits = Limits {
        lane: 64,
        events: budget,
        observers: budget,
    };
    assert_eq!(Limits::default(), limits);
}

#[tokio::test(start_paused = true)]
async fn a_later_lane_is_bounded_too_and_what_its_chain_has_no_room_for_waits_outside() {
    let world = World::new();
    world.says("quick", &[on(T).priority(1), on(OTHER)], go_on());
    let door = world.waits("slow", &[on(T).priority(2)]);
    let mut admitted = 0;
    while refused(&world, event(T, admitted)).is_none() {
        admitted += 1;
        settled().await;
    }
    // One runs and 64 wait.
    assert_eq!(admitted, 65);
    assert_eq!(world.dispatcher.queued(&capsule("slow")), 64);
    assert_eq!(refused(&world, event(T, 0)), Some(Limit::Lane));
    let waits = world.dispatching(event(T, 65)).await;
    let figures = world.dispatcher.figures();
    assert_eq!((figures.in_flight, figures.waiting), (65, 1));
    // Neither its first handler's other events nor other principals' are held up.
    world.dispatch(event(OTHER, 0)).await;
    assert_eq!(refused(&world, event_of("bob", T, 0)), None);
    door.add_permits(1);
    settled().await;
    assert_eq!(world.dispatcher.figures().waiting, 0);
    door.add_permits(66);
    waits.await.expect("no panic");
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_admitted_reaches_its_later_handlers_so_their_lanes_hold_no_more_than_that_besides()
 {
    let world = World::with(limits(2, 6, 100), &[]);
    let first = world.waits("a", &[on(T).priority(1)]);
    let door = world.waits("b", &[on(T).priority(2), on(OTHER)]);
    for topic in [T, T, T, OTHER, OTHER, OTHER] {
        assert_eq!(refused(&world, event(topic, 0)), None);
    }
    assert_eq!(refused(&world, event(OTHER, 3)), Some(Limit::Principal));
    first.add_permits(3);
    settled().await;
    // Two of its own, and three that came in when there was room.
    assert_eq!(world.dispatcher.queued(&capsule("b")), 5);
    door.add_permits(6);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_wants_two_busy_lanes_comes_in_although_they_never_have_room_at_once() {
    const AT_A: &str = "user.v1.a";
    const AT_B: &str = "user.v1.b";
    let world = World::with(limits(1, 100, 100), &[]);
    let a = world.waits("a", &[on(T).priority(1), on(AT_A)]);
    let b = world.waits("b", &[on(T).priority(2), on(AT_B)]);
    let mut others = Vec::new();
    for topic in [AT_A, AT_B].repeat(2) {
        others.push(world.dispatching(event(topic, 0)).await);
    }
    let both = world.dispatching(event(T, 1)).await;
    for topic in [AT_A, AT_B].repeat(20) {
        others.push(world.dispatching(event(topic, 0)).await);
    }
    // Each time one of them has room, there is one that wants no more than that.
    for _ in 0..6 {
        a.add_permits(1);
        settled().await;
        b.add_permits(1);
        settled().await;
    }
    assert!(
        world.calls().contains(&"b 1".to_owned()),
        "{:?}",
        world.calls()
    );
    both.await.expect("no panic");
    assert!(world.dispatcher.figures().waiting > 20);
    a.add_permits(100);
    b.add_permits(100);
    world.idle().await;
    assert_eq!(world.calls().len(), 46);
}

#[tokio::test(start_paused = true)]
async fn a_slow_observer_holds_nothing_up_and_what_it_has_no_room_for_is_traced() {
    let world = World::new();
    world.says("quick", &[on(T).priority(1), on(OTHER)], go_on());
    let door = world.waits("watch", &[on(T).priority(2).observe()]);
    let mut traces = Vec::new();
    for i in 0..300 {
        traces.push(said(&world.dispatch(event(T, i)).await));
    }
    // One runs and 64 wait.
    let ran = traces
        .iter()
        .position(|trace| trace[1] == "watch: backpressure");
    assert_eq!(ran, Some(65));
    let turned_away = traces
        .iter()
        .filter(|trace| trace[1] == "watch: backpressure");
    assert_eq!(turned_away.count(), 235);
    let figures = world.dispatcher.figures();
    assert_eq!((figures.in_flight, figures.observers), (0, 65));
    assert_eq!(figures.unobserved, 235);
    world.dispatch(event(OTHER, 0)).await;
    // It sees those that it is run for, in order.
    door.add_permits(65);
    world.idle().await;
    let calls = world.calls().into_iter();
    let watched: Vec<_> = calls.filter(|call| call.starts_with("watch")).collect();
    assert_eq!(
        watched,
        (0..65).map(|i| format!("watch {i}")).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_only_observed_waits_for_no_observer() {
    let world = World::new();
    let door = world.waits("watch", &[on(T).observe()]);
    for i in 0..300 {
        assert_eq!(refused(&world, event(T, i)), None);
        settled().await;
    }
    let figures = world.dispatcher.figures();
    assert_eq!((figures.in_flight, figures.observers), (0, 65));
    door.add_permits(65);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn observers_have_a_budget_of_their_own_in_events_and_in_bytes() {
    // An event holds its payload, its topic and 256 bytes: 316.
    for (observers, fit) in [
        (budget((3, MIB), (5, MIB)), [3, 2]),
        (budget((100, 600), (100, 1_200)), [2, 2]),
        (budget((100, 600), (100, 900)), [2, 1]),
    ] {
        let world = World::with(
            Limits {
                observers,
                ..Limits::default()
            },
            &[],
        );
        world.says("a", &[on(T).priority(1)], go_on());
        let names = ["w0", "w1", "w2", "w3"];
        let doors = names.map(|name| world.waits(name, &[on(T).priority(2).observe()]));
        for (who, fit) in ["alice", "bob"].into_iter().zip(fit) {
            let outcome = world.dispatch(event_of(who, T, format!("{:46}", 0))).await;
            let ran = said(&outcome)
                .into_iter()
                .filter(|said| said.ends_with("Running"));
            assert_eq!(ran.count(), fit, "of {who}'s, with {observers:?}");
        }
        assert_eq!(world.dispatcher.figures().in_flight, 0);
        for door in doors {
            door.add_permits(2);
        }
        world.idle().await;
        // What they held is given back.
        let outcome = world.dispatch(event(T, 0)).await;
        let ran: BTreeSet<_> = said(&outcome).into_iter().collect();
        assert!(ran.contains("w0: Running"), "{ran:?}");
        world.dispatcher.shutdown(Duration::ZERO).await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_in_flight_are_weighed_in_bytes_too() {
    let largest = format!("\"{}\"", "x".repeat(MIB - 2));
    let world = World::with(
        Limits {
            events: budget((256, 4 * MIB), (4_096, 7 * MIB)),
            ..Limits::default()
        },
        &[],
    );
    let door = world.waits("a", &[on(T)]);
    let other = world.waits("b", &[on(OTHER)]);
    let large = |who| refused(&world, event_of(who, T, &largest));
    // Besides its payload each has a topic and 256 bytes, so four are more than 4 MiB.
    for who in ["alice", "alice", "alice", "alice"] {
        assert_eq!(large(who), None);
    }
    assert_eq!(large("alice"), Some(Limit::Principal));
    assert_eq!(refused(&world, event(OTHER, 0)), Some(Limit::Principal));
    for who in ["bob", "bob", "bob"] {
        assert_eq!(large(who), None);
    }
    assert_eq!(large("bob"), Some(Limit::Host));
    assert_eq!(
        refused(&world, event_of("carol", OTHER, 0)),
        Some(Limit::Host)
    );
    let bytes = world.dispatcher.figures().bytes;
    assert!((7 * MIB..7 * MIB + 7 * 300).contains(&bytes), "{bytes}");
    // Whoever waits is let in by what ends, whatever its size.
    let waits = [
        world.dispatching(event_of("carol", OTHER, 1)).await,
        world.dispatching(event_of("alice", OTHER, 2)).await,
    ];
    door.add_permits(1);
    settled().await;
    other.add_permits(2);
    for outcome in waits {
        outcome.await.expect("no panic");
    }
    door.add_permits(6);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_adds_to_an_event_weighs_as_well() {
    let world = World::with(
        Limits {
            events: budget((256, MIB), (4_096, 100 * MIB)),
            ..Limits::default()
        },
        &[],
    );
    let largest = format!("\"{}\"", "x".repeat(MIB - 2));
    world.says("a", &[on(T).priority(1)], rewrite(largest));
    let door = world.waits("b", &[on(T).priority(2)]);
    world.says("c", &[on(OTHER)], Ok(Verdict::Final(None)));
    let grown = world.dispatching(event(T, 1)).await;
    world.called(2).await;
    assert_eq!(refused(&world, event(OTHER, 1)), Some(Limit::Principal));
    assert_eq!(refused(&world, event_of("bob", OTHER, 1)), None);
    door.add_permits(1);
    assert_eq!(grown.await.expect("no panic").payload.as_bytes().len(), MIB);
    assert_eq!(refused(&world, event(OTHER, 1)), None);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_trigger_waits_in_the_lanes_of_all_and_passes_over_an_observer_whose_lane_is_full() {
    const LONG: Duration = Duration::from_secs(60);
    let world = World::with(limits(1, 100, 100), &[]);
    let a = world.waits("a", &[on(T).priority(1)]);
    let b = world.waits("b", &[on(T).priority(2), on(OTHER)]);
    let watch = world.waits("watch", &[on(T).observe(), on("user.v1.watched").observe()]);
    for i in 0..3 {
        assert_eq!(refused(&world, event("user.v1.watched", i)), None);
    }
    settled().await;
    // Nothing is queued at b, and one runs.
    assert_eq!(refused(&world, event(OTHER, 0)), None);
    let trigger = {
        let dispatcher = world.dispatcher.clone();
        tokio::spawn(async move { dispatcher.trigger(event(T, 7), LONG).await })
    };
    world.called(3).await;
    // Its place at b is counted.
    assert_eq!(refused(&world, event(OTHER, 0)), Some(Limit::Lane));
    a.add_permits(1);
    b.add_permits(2);
    let answers = trigger.await.expect("no panic").expect("answers");
    let failed: Vec<_> = answers
        .iter()
        .filter_map(|answer| Some((answer.capsule.as_str(), answer.answer.as_ref().err()?.kind)))
        .collect();
    assert_eq!(failed, [("watch", "backpressure")]);
    watch.add_permits(3);
    world.idle().await;
}
