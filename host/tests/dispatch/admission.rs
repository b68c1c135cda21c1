//! Admission: what is bounded, who waits, and in which order they come in.

use std::cell::Cell;
use std::time::Duration;

use astrid_host::dispatch::{DispatchError, Limit};

use crate::world::{World, capsule, event, event_of, go_on, limits, on, poll_once, trap};

const T: &str = "user.v1.prompt";

fn refused_by(world: &World, who: &str, topic: &str) -> Option<Limit> {
    match world.dispatcher.try_publish(event_of(who, topic, 0)) {
        Ok(_) => None,
        Err(DispatchError::Backpressure { limit, .. }) => Some(limit),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_lane_queues_64_events_and_then_a_capsule_is_answered_backpressure() {
    let world = World::new();
    let door = world.waits("a", &[on(T)]);
    for _ in 0..65 {
        // One runs, 64 are queued.
        assert_eq!(refused_by(&world, "alice", T), None);
    }
    assert_eq!(refused_by(&world, "alice", T), Some(Limit::Lane));
    assert_eq!(refused_by(&world, "bob", T), None);
    door.add_permits(1);
    // One more runs, so there is room for one more.
    world.called(3).await;
    assert_eq!(refused_by(&world, "alice", T), None);
    assert_eq!(refused_by(&world, "alice", T), Some(Limit::Lane));
    assert_eq!(world.dispatcher.figures().backpressure, 2);
    door.add_permits(100);
    world.idle().await;
    assert_eq!(world.calls().len(), 67);
}

/// A publisher that can't pay, and one that is refused for another reason.
#[derive(Debug, PartialEq)]
enum Unpublished {
    Unpaid,
    Refused,
}

impl From<DispatchError> for Unpublished {
    fn from(_: DispatchError) -> Self {
        Self::Refused
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_taken_is_paid_for_and_only_what_is_paid_for_is_taken() {
    let world = World::new();
    let door = world.waits("a", &[on(T)]);
    let paid = Cell::new(0);
    let publish = |topic: &str, purse: usize| {
        let pay = || {
            if paid.get() == purse {
                return Err(Unpublished::Unpaid);
            }
            paid.set(paid.get() + 1);
            Ok(())
        };
        world
            .dispatcher
            .try_publish_for(event(topic, 0), pay)
            .map(drop)
    };
    assert_eq!(publish(T, 0), Err(Unpublished::Unpaid));
    // One runs and 64 are queued; then nobody is asked to pay.
    for _ in 0..65 {
        assert_eq!(publish(T, 100), Ok(()));
    }
    for purse in [0, 100] {
        assert_eq!(publish(T, purse), Err(Unpublished::Refused));
    }
    assert_eq!(paid.get(), 65);
    // What nobody handles is subscribed to, perhaps, and costs the same.
    assert_eq!(publish("nobody.v1.handles", 65), Err(Unpublished::Unpaid));
    assert_eq!(publish("nobody.v1.handles", 66), Ok(()));
    door.add_permits(65);
    world.idle().await;
    assert_eq!(world.calls().len(), 65);
    assert!(world.dispatcher.shutdown(Duration::from_secs(1)).await);
    assert_eq!(publish(T, 100), Err(Unpublished::Refused));
    assert_eq!(paid.get(), 66);
}

#[tokio::test(start_paused = true)]
async fn events_in_flight_are_bounded_for_a_principal_and_for_the_host() {
    let world = World::with(limits(2, 3, 5), &[]);
    let door = world.waits("a", &[on(T)]);
    let other = world.waits("b", &[on("user.v1.other")]);
    for topic in [T, T, "user.v1.other"] {
        assert_eq!(refused_by(&world, "alice", topic), None);
    }
    assert_eq!(refused_by(&world, "alice", T), Some(Limit::Principal));
    for _ in 0..2 {
        assert_eq!(refused_by(&world, "bob", T), None);
    }
    assert_eq!(refused_by(&world, "bob", T), Some(Limit::Host));
    door.add_permits(4);
    other.add_permits(1);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_served_in_order_and_a_capsule_doesnt_overtake_them() {
    let world = World::new();
    let door = world.waits("a", &[on(T)]);
    let mut waiting = Vec::new();
    for i in 0..100 {
        waiting.push(world.dispatching(event(T, i)).await);
    }
    assert_eq!(world.dispatcher.figures().waiting, 35);
    assert_eq!(refused_by(&world, "alice", T), Some(Limit::Lane));
    door.add_permits(100);
    for outcome in waiting {
        outcome.await.expect("no panic");
    }
    let order: Vec<_> = (0..100).map(|i| format!("a {i}")).collect();
    assert_eq!(world.calls(), order);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_holds_nothing_and_going_away_loses_nothing() {
    let world = World::new();
    let door = world.waits("a", &[on(T)]);
    for i in 0..65 {
        world.dispatcher.try_publish(event(T, i)).expect("room");
    }
    let mut stays = Box::pin(world.dispatcher.dispatch(event(T, 65)));
    let mut leaves = Box::pin(world.dispatcher.dispatch(event(T, 66)));
    let mut last = Box::pin(world.dispatcher.publish(event(T, 67)));
    assert!(poll_once(&mut stays).is_none());
    assert!(poll_once(&mut leaves).is_none());
    assert!(poll_once(&mut last).is_none());
    assert_eq!(world.dispatcher.figures().in_flight, 65);
    drop(leaves);
    assert_eq!(world.dispatcher.figures().waiting, 2);
    door.add_permits(1);
    // The next one runs, so there is room in the queue.
    world.called(2).await;
    assert_eq!(world.dispatcher.figures().waiting, 1);
    door.add_permits(1_000);
    stays.await.expect("an outcome");
    last.await.expect("admitted");
    world.idle().await;
    let order: Vec<_> = (0..68)
        .filter(|i| *i != 66)
        .map(|i| format!("a {i}"))
        .collect();
    assert_eq!(world.calls(), order);
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_holds_up_no_other_lane_of_its_principal() {
    let world = World::new();
    let door = world.waits("slow", &[on(T)]);
    world.says("quick", &[on("user.v1.other")], go_on());
    let mut waiting = Vec::new();
    for i in 0..150 {
        waiting.push(world.dispatching(event(T, i)).await);
    }
    let outcome = world.dispatch(event("user.v1.other", 1)).await;
    assert_eq!(outcome.steps.len(), 1);
    door.add_permits(150);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_one_principal_leaves_anothers_events_timely() {
    let world = World::with(limits(64, 8, 8), &[]);
    world.bind("a", &[on(T)], |_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        go_on()
    });
    let mut storm = Vec::new();
    for i in 0..200 {
        storm.push(world.dispatching(event_of("alice", T, i)).await);
    }
    let before = tokio::time::Instant::now();
    // The host is full and 192 wait; the next room but one at most is bob's, and nobody is before him in his lane.
    let bob = world.dispatching(event_of("bob", T, 0)).await;
    bob.await.expect("no panic");
    assert!(before.elapsed().as_secs() <= 3, "{:?}", before.elapsed());
    assert!(world.dispatcher.figures().waiting > 150);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_principal_may_have_fewer_in_flight_than_others() {
    let world = World::with(limits(64, 8, 64), &[]);
    world.dispatcher.lower_by(Box::new(|principal, events| {
        assert!(events > 0);
        match principal.as_str() {
            "alice" => 2,
            _ => usize::MAX,
        }
    }));
    let door = world.waits("a", &[on(T)]);
    let mut events = Vec::new();
    for i in 0..4 {
        events.push(world.dispatching(event_of("alice", T, i)).await);
        events.push(world.dispatching(event_of("bob", T, i)).await);
    }
    let in_flight = |name: &str| world.dispatcher.in_flight(&name.parse().expect("a name"));
    assert_eq!(
        [in_flight("alice"), in_flight("bob"), in_flight("eve")],
        [2, 4, 0]
    );
    door.add_permits(8);
    for event in events {
        event.await.expect("no panic");
    }
    world.idle().await;
    assert_eq!(in_flight("alice"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_for_admission_is_handled_by_what_is_bound_when_it_comes_in() {
    let world = World::with(limits(64, 1, 4_096), &[]);
    let door = world.waits("a", &[on(T)]);
    let first = world.dispatching(event(T, 1)).await;
    let second = world.dispatching(event(T, 2)).await;
    world.says("guard", &[on(T).priority(1).deny()], trap());
    door.add_permits(1);
    assert_eq!(first.await.expect("no panic").steps.len(), 1);
    let second = second.await.expect("no panic");
    assert_eq!(second.steps[0].capsule.as_str(), "guard");
    assert!(world.dispatcher.unbind(&capsule("guard")));
    world.idle().await;
}
