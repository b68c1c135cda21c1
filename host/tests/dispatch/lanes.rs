//! Lanes: order within, none between.

use std::time::Duration;

use crate::world::{World, capsule, event, event_of, go_on, on, poll_once, principal};

const T: &str = "user.v1.prompt";

#[tokio::test(start_paused = true)]
async fn a_capsule_sees_the_events_of_a_principal_one_at_a_time_in_publish_order() {
    let world = World::new();
    let door = world.waits("a", &[on(T)]);
    for i in 0..50 {
        world.dispatcher.try_publish(event(T, i)).expect("room");
    }
    for i in 0..50 {
        // As many as were let through, and the one at the door.
        assert_eq!(world.called(i + 1).await.len(), i + 1);
        door.add_permits(1);
    }
    world.idle().await;
    let order: Vec<_> = (0..50).map(|i| format!("a {i}")).collect();
    assert_eq!(world.calls(), order);
}

#[tokio::test(start_paused = true)]
async fn the_order_holds_at_later_handlers_too() {
    let world = World::new();
    // The earlier an event, the longer it takes at its first handler, which takes four at a time; the second keeps
    // the order in which they come to it, and those come in order that go through an ordered one.
    world.bind("a", &[on(T).priority(1)], |event| async move {
        let nth: u64 = event.payload.as_str().parse().expect("a number");
        tokio::time::sleep(Duration::from_millis(50 - nth)).await;
        go_on()
    });
    let door = world.waits("b", &[on(T)]);
    for i in 0..20 {
        world.dispatcher.try_publish(event(T, i)).expect("room");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    door.add_permits(20);
    world.idle().await;
    let at_b = world
        .calls()
        .into_iter()
        .filter(|call| call.starts_with('b'));
    let order: Vec<_> = (0..20).map(|i| format!("b {i}")).collect();
    assert_eq!(at_b.collect::<Vec<_>>(), order);
}

#[tokio::test(start_paused = true)]
async fn different_principals_go_in_parallel() {
    let world = World::new();
    let door = world.waits("a", &[on(T)]);
    for who in ["alice", "bob", "carol"] {
        world
            .dispatcher
            .try_publish(event_of(who, T, 1))
            .expect("room");
        world
            .dispatcher
            .try_publish(event_of(who, T, 2))
            .expect("room");
    }
    assert_eq!(world.called(3).await, ["a 1", "a 1", "a 1"]);
    door.add_permits(6);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_delays_only_what_comes_after_it_in_its_own_lane() {
    let world = World::new();
    world.says(
        "quick",
        &[on(T).priority(1), on("user.v1.other")],
        Ok(astrid_host::call::Verdict::Continue(None)),
    );
    let door = world.waits("slow", &[on(T).priority(2)]);
    let mut behind = Vec::new();
    for i in 0..300 {
        behind.push(world.dispatching(event(T, i)).await);
    }
    // More than may be in flight at all; most wait outside.
    for i in 0..300 {
        let outcome = world.dispatch(event("user.v1.other", i)).await;
        assert_eq!(outcome.steps.len(), 1);
    }
    assert!(behind.iter().all(|outcome| !outcome.is_finished()));
    door.add_permits(300);
    for outcome in behind {
        outcome.await.expect("no panic");
    }
    let calls = world.calls().into_iter();
    let slow: Vec<_> = calls.filter(|call| call.starts_with("slow")).collect();
    let order: Vec<_> = (0..300).map(|i| format!("slow {i}")).collect();
    assert_eq!(slow, order);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_capsule_that_isnt_ordered_takes_as_many_at_once_as_it_says() {
    let world = World::new();
    world.bind_with("a", &[on(T)], 3, |_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        go_on()
    });
    let before = tokio::time::Instant::now();
    for i in 0..9 {
        world.dispatcher.try_publish(event(T, i)).expect("room");
    }
    world.idle().await;
    assert_eq!(before.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn direct_calls_and_events_take_turns_in_one_lane() {
    let world = World::new();
    world.says("a", &[on(T)], go_on());
    let lane = world
        .dispatcher
        .lanes()
        .of(&capsule("a"))
        .lane(&principal("alice"));
    let first = lane.enter().await.expect("open");
    let event = world.dispatching(event(T, 1)).await;
    let second = lane.enter();
    assert!(world.calls().is_empty());
    drop(first);
    // It came after the event.
    drop(second.await.expect("open"));
    assert_eq!(world.calls(), ["a 1"]);
    event.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_a_place_when_its_turn_has_come_lets_the_next_one_in() {
    let world = World::new();
    let lane = world
        .dispatcher
        .lanes()
        .of(&capsule("a"))
        .lane(&principal("alice"));
    let turn = lane.enter().await.expect("open");
    let mut gives_up = Box::pin(lane.enter());
    assert!(poll_once(&mut gives_up).is_none());
    let next = lane.enter();
    let next = tokio::spawn(next);
    tokio::task::yield_now().await;
    drop(turn);
    drop(gives_up);
    let next = tokio::time::timeout(Duration::from_secs(1), next).await;
    assert!(next.is_ok(), "it waits in vain");
}

#[tokio::test(start_paused = true)]
async fn lanes_that_nobody_holds_are_replaced_and_others_never() {
    let world = World::new();
    let lanes = world.dispatcher.lanes().of(&capsule("a"));
    let (held, other) = (principal("held"), principal("other"));
    let place = lanes.lane(&held).enter();
    let (held_id, other_id) = (lanes.lane(&held).id(), lanes.lane(&other).id());
    for i in 0..5_000 {
        lanes.lane(&principal(&format!("p{i}")));
    }
    assert_eq!(lanes.lane(&held).id(), held_id);
    assert_ne!(lanes.lane(&other).id(), other_id);
    drop(place);
}
