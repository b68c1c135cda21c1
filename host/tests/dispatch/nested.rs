//! What a running handler asks for: beside the lanes, a level deeper, in the time that is left.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use astrid_host::bus::Attribution;
use astrid_host::call::Verdict;
use astrid_host::dispatch::{Conclusion, DispatchError, Dispatcher, Event};

use crate::world::{
    Scripted, World, capsule, event, go_on, on, payload, principal, said, topic, trap,
};

const T: &str = "user.v1.prompt";
const INNER: &str = "user.v1.inner";
const LONG: Duration = Duration::from_secs(60);

/// The dispatcher, for a script.
fn handle(world: &World) -> Arc<OnceLock<Dispatcher<Scripted>>> {
    Arc::new(OnceLock::from(world.dispatcher.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_dispatch_to_its_own_capsule_and_gets_the_outcome() {
    let world = World::new();
    let dispatcher = handle(&world);
    world.bind("a", &[on(T), on(INNER)], move |event| {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
            if event.topic.as_str() == INNER {
                assert_eq!((event.depth, &event.principal), (1, &principal("alice")));
                return Ok(Verdict::Deny(Some("inner".into())));
            }
            let dispatcher = dispatcher.get().expect("set");
            let inner = dispatcher.dispatch_within(&event.scope(), topic(INNER), payload("2"));
            let inner = inner.await.expect("an outcome");
            assert_eq!(inner.verdict, Conclusion::Deny);
            Ok(Verdict::Deny(inner.reason))
        }
    });
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.reason.as_deref(), Some("inner"));
    assert_eq!(world.calls(), ["a 1", "a 2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_nested_in_a_claim_is_claimed() {
    let world = World::new();
    let (dispatcher, uplink) = (handle(&world), uuid::Uuid::from_u128(7));
    world.bind("a", &[on(T), on(INNER)], move |event| {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
            let claimed = match event.attribution {
                Attribution::Claimed { by, .. } => Some(by),
                _ => None,
            };
            assert_eq!(event.scope().claimed_by, claimed);
            if event.topic.as_str() == T {
                let dispatcher = dispatcher.get().expect("set");
                let inner = dispatcher.dispatch_within(&event.scope(), topic(INNER), payload("2"));
                return Ok(Verdict::Deny(inner.await.expect("an outcome").reason));
            }
            let source = event.source;
            Ok(Verdict::Deny(Some(format!("{claimed:?} {source}"))))
        }
    });
    let claimed = Event::claimed(topic(T), payload("1"), principal("alice"), uplink);
    let inner = world.dispatch(claimed).await.reason;
    assert_eq!(inner, Some(format!("{:?} {uplink}", Some(uplink))));
    let inner = world.dispatch(event(T, 1)).await.reason;
    assert!(inner.expect("a reason").starts_with("None"));
}

#[tokio::test(start_paused = true)]
async fn what_is_nested_has_the_time_that_its_parent_has_left() {
    let world = World::new();
    let dispatcher = handle(&world);
    world.bind("inner", &[on(INNER).timeout(60_000)], |_| {
        std::future::pending()
    });
    world.bind("a", &[on(T).timeout(5_000)], move |event| {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = tokio::time::Instant::now();
            let dispatcher = dispatcher.get().expect("set");
            let inner = dispatcher.dispatch_within(&event.scope(), topic(INNER), payload("2"));
            let inner = inner.await.expect("an outcome");
            assert_eq!(said(&inner), ["inner: timeout"]);
            let left = now.elapsed().as_millis();
            assert!((2_990..=3_010).contains(&left), "{left}");
            Ok(Verdict::Final(None))
        }
    });
    let before = tokio::time::Instant::now();
    // The parent learns of it just in time.
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Final);
    let took = before.elapsed().as_millis();
    assert!((4_990..=5_010).contains(&took), "{took}");
    assert_eq!(world.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_nest_eight_deep_and_no_deeper() {
    let world = World::new();
    let dispatcher = handle(&world);
    world.bind("a", &[on(T)], move |event| {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
            let dispatcher = dispatcher.get().expect("set");
            let inner = dispatcher.dispatch_within(&event.scope(), topic(T), payload("1"));
            match inner.await {
                Ok(outcome) => Ok(Verdict::Deny(outcome.reason)),
                Err(DispatchError::Depth { depth, .. }) => {
                    Ok(Verdict::Deny(Some(depth.to_string())))
                }
                Err(other) => panic!("{other}"),
            }
        }
    });
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.reason.as_deref(), Some("9"));
    assert_eq!(world.calls().len(), 9);
    assert_eq!(world.dispatcher.figures().too_deep, 1);
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_published_events_ends_by_its_depth_with_a_counted_refusal() {
    let world = World::new();
    let dispatcher = handle(&world);
    world.bind("a", &[on(T)], move |happened| {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
            let next = event(T, happened.depth + 1).caused_within(&happened.scope());
            match dispatcher.get().expect("set").try_publish(next) {
                Ok(_) => go_on(),
                Err(DispatchError::Depth { .. }) => trap(),
                Err(other) => panic!("{other}"),
            }
        }
    });
    world.dispatcher.try_publish(event(T, 0)).expect("room");
    world.idle().await;
    let calls: Vec<_> = (0..=8).map(|depth| format!("a {depth}")).collect();
    assert_eq!(world.calls(), calls);
    assert_eq!(world.dispatcher.figures().too_deep, 1);
}

#[tokio::test(start_paused = true)]
async fn a_trigger_asks_all_at_once_and_has_what_was_answered_in_time() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.bind(name, &[on(T)], move |_| async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(Verdict::Deny(Some(name.to_owned())))
        });
    }
    world.says("d", &[on(T).observe()], trap());
    world.bind("never", &[on(T)], |_| std::future::pending());
    // Somebody is in the lane, and stays.
    let busy = world
        .dispatcher
        .lanes()
        .of(&capsule("z"))
        .lane(&principal("alice"));
    let _turn = busy.enter().await.expect("open");
    world.says("z", &[on(T)], go_on());
    let before = tokio::time::Instant::now();
    let answers = world
        .dispatcher
        .trigger(event(T, 1), Duration::from_secs(5))
        .await;
    assert_eq!(before.elapsed().as_secs(), 5);
    let answers = answers.expect("answers");
    let answers: Vec<_> = answers
        .iter()
        .map(|answer| match &answer.answer {
            Ok(verdict) => format!("{}: {verdict:?}", answer.capsule),
            Err(failure) => format!("{}: {}", answer.capsule, failure.kind),
        })
        .collect();
    let deny = |name: &str| format!("{name}: Deny(Some({name:?}))");
    let (a, b, c) = (deny("a"), deny("b"), deny("c"));
    assert_eq!(
        answers,
        [
            a.as_str(),
            &b,
            &c,
            "d: trap",
            "never: timeout",
            "z: timeout"
        ]
    );
    world.idle().await;
    // The one that was ended gave its turn back.
    let lane = world
        .dispatcher
        .lanes()
        .of(&capsule("never"))
        .lane(&principal("alice"));
    assert!(crate::world::poll_once(&mut Box::pin(lane.enter())).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_isnt_admitted_in_time_is_refused() {
    let world = World::new();
    let door = world.waits("a", &[on(T)]);
    for i in 0..65 {
        world.dispatcher.try_publish(event(T, i)).expect("room");
    }
    let refused = world.dispatcher.trigger(event(T, 1), LONG).await;
    assert!(
        matches!(refused, Err(DispatchError::Backpressure { .. })),
        "{refused:?}"
    );
    door.add_permits(65);
    world.idle().await;
    assert_eq!(world.calls().len(), 65);
}

#[tokio::test(start_paused = true)]
async fn a_nested_trigger_waits_for_no_lane_and_leaves_nothing_behind_when_its_parent_is_dropped() {
    let world = World::new();
    let dispatcher = handle(&world);
    let door = world.waits("b", &[on(INNER)]);
    world.bind("a", &[on(T).timeout(1_000), on(INNER)], move |event| {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
            if event.topic.as_str() == INNER {
                return go_on();
            }
            let dispatcher = dispatcher.get().expect("set");
            let asked = dispatcher.trigger_within(&event.scope(), topic(INNER), payload("2"), LONG);
            let answers = asked.await.expect("answers");
            assert!(answers[0].answer.is_ok() && answers[1].answer.is_err());
            go_on()
        }
    });
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(world.calls().len(), 3);
    assert_eq!(outcome.steps.len(), 1);
    world.idle().await;
    let pause = world.dispatcher.pause(&capsule("b"));
    world
        .dispatcher
        .drained(&pause, LONG)
        .await
        .expect("nothing runs");
    assert_eq!(door.available_permits(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_observer_of_a_nested_event_takes_its_lane_and_is_counted() {
    let world = World::new();
    let dispatcher = handle(&world);
    let door = world.waits("watch", &[on(INNER).observe()]);
    world.bind("a", &[on(T)], move |event| {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
            let dispatcher = dispatcher.get().expect("set");
            let inner = dispatcher.dispatch_within(&event.scope(), topic(INNER), payload("2"));
            assert_eq!(said(&inner.await.expect("an outcome")), ["watch: Running"]);
            go_on()
        }
    });
    world.dispatch(event(T, 1)).await;
    world.called(2).await;
    assert_eq!(world.dispatcher.figures().observers, 1);
    door.add_permits(1);
    world.idle().await;
}
