//! Reload, removal, shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use astrid_host::dispatch::{Conclusion, DispatchError};

use crate::world::{World, capsule, event, event_of, go_on, on, principal, rewrite, said};

const T: &str = "user.v1.prompt";
const LONG: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_hundred_reloads_under_load_lose_nothing_and_keep_the_order() {
    let world = Arc::new(World::new());
    let version = Arc::new(AtomicUsize::new(0));
    let load = |number: usize| {
        let version = Arc::clone(&version);
        world.bind("a", &[on(T)], move |_| {
            // Each load answers only while it is the current one: a pause drains it before it is replaced.
            assert_eq!(version.load(SeqCst), number);
            let version = Arc::clone(&version);
            async move {
                tokio::time::sleep(Duration::from_millis(3)).await;
                assert_eq!(version.load(SeqCst), number);
                go_on()
            }
        });
    };
    load(0);
    let publisher = Arc::clone(&world);
    let publishing = tokio::spawn(async move {
        for i in 0..400 {
            publisher
                .dispatcher
                .publish(event(T, i))
                .await
                .expect("admitted");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    for number in 1..=100 {
        let pause = world.dispatcher.pause(&capsule("a"));
        world
            .dispatcher
            .drained(&pause, LONG)
            .await
            .expect("drained");
        version.store(number, SeqCst);
        load(number);
        drop(pause);
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    publishing.await.expect("no panic");
    world.idle().await;
    let order: Vec<_> = (0..400).map(|i| format!("a {i}")).collect();
    assert_eq!(world.calls(), order);
}

#[tokio::test(start_paused = true)]
async fn queued_events_are_answered_by_the_load_of_their_turn_or_traced_as_gone() {
    let world = World::new();
    world.says("a", &[on(T), on("user.v1.other").deny()], go_on());
    let pause = world.dispatcher.pause(&capsule("a"));
    let queued = world.dispatching(event(T, 1)).await;
    let gone = world.dispatching(event_of("bob", "user.v1.other", 1)).await;
    world.says("a", &[on(T)], rewrite("2"));
    drop(pause);
    assert_eq!(queued.await.expect("no panic").payload.as_str(), "2");
    let gone = gone.await.expect("no panic");
    assert_eq!(said(&gone), ["a: gone"]);
    assert_eq!(gone.verdict, Conclusion::Deny);
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_no_longer_than_it_may_and_says_what_still_runs() {
    let world = World::new();
    let door = world.waits("a", &[on(T)]);
    world.dispatcher.try_publish(event(T, 1)).expect("room");
    world.called(1).await;
    let pause = world.dispatcher.pause(&capsule("a"));
    let running = world.dispatcher.drained(&pause, LONG).await;
    assert_eq!(running.expect_err("it runs").turns, 1);
    // What runs beside the lane counts, too.
    let lane = world
        .dispatcher
        .lanes()
        .of(&capsule("a"))
        .lane(&principal("bob"));
    let beside = lane.beside();
    door.add_permits(1);
    let running = world.dispatcher.drained(&pause, LONG).await;
    assert_eq!(running.expect_err("it runs").turns, 1);
    drop(beside);
    world
        .dispatcher
        .drained(&pause, LONG)
        .await
        .expect("drained");
}

#[tokio::test(start_paused = true)]
async fn removing_a_capsule_answers_its_queued_events_as_on_error_says() {
    for deny in [false, true] {
        let world = World::new();
        let binding = if deny { on(T).deny() } else { on(T) };
        let door = world.waits("a", &[binding]);
        let running = world.dispatching(event(T, 1)).await;
        let queued = world.dispatching(event(T, 2)).await;
        world.called(1).await;
        assert!(world.dispatcher.unbind(&capsule("a")));
        assert!(!world.dispatcher.unbind(&capsule("a")));
        // Also if one of that name comes back: it is another installation.
        world.says("a", &[on(T)], rewrite("9"));
        door.add_permits(1);
        assert_eq!(said(&running.await.expect("no panic")), ["a: Continue"]);
        let queued = queued.await.expect("no panic");
        assert_eq!(said(&queued), ["a: unloaded"]);
        let expected = if deny {
            Conclusion::Deny
        } else {
            Conclusion::Continue
        };
        assert_eq!(queued.verdict, expected);
        assert_eq!(world.dispatch(event(T, 3)).await.payload.as_str(), "9");
        world.idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_admits_nothing_and_lets_finish_what_can_be_finished_in_time() {
    let world = Arc::new(World::new());
    let door = world.waits("a", &[on(T)]);
    let events = [
        world.dispatching(event(T, 1)).await,
        world.dispatching(event(T, 2)).await,
    ];
    let (other, done) = (Arc::clone(&world), Arc::new(AtomicBool::new(false)));
    let ended = Arc::clone(&done);
    let shutdown = tokio::spawn(async move {
        let in_time = other.dispatcher.shutdown(LONG).await;
        ended.store(true, SeqCst);
        in_time
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let late = world.dispatcher.dispatch(event(T, 3)).await;
    assert!(
        matches!(late, Err(DispatchError::ShuttingDown { .. })),
        "{late:?}"
    );
    let late = world.dispatcher.try_publish(event("nobody.v1.listens", 3));
    assert!(
        matches!(late, Err(DispatchError::ShuttingDown { .. })),
        "{late:?}"
    );
    assert!(!done.load(SeqCst));
    door.add_permits(2);
    for event in events {
        assert_eq!(said(&event.await.expect("no panic")), ["a: Continue"]);
    }
    assert!(shutdown.await.expect("no panic"));
}

#[tokio::test(start_paused = true)]
async fn after_a_shutdowns_deadline_what_is_queued_or_runs_ends_with_a_typed_error() {
    let world = World::new();
    world.waits("a", &[on(T)]);
    world.waits("watch", &[on(T).priority(1).observe()]);
    let mut futures: Vec<_> = (0..100)
        .map(|i| Box::pin(world.dispatcher.dispatch(event(T, i))))
        .collect();
    for future in &mut futures {
        assert!(crate::world::poll_once(future).is_none());
    }
    world.called(2).await;
    let lane = world
        .dispatcher
        .lanes()
        .of(&capsule("a"))
        .lane(&principal("alice"));
    let direct = lane.enter();
    assert!(!world.dispatcher.shutdown(LONG).await);
    for future in futures {
        let ended = future.await;
        assert!(
            matches!(ended, Err(DispatchError::ShuttingDown { .. })),
            "{ended:?}"
        );
    }
    assert!(direct.await.is_err());
    assert!(lane.enter().await.is_err());
    world.idle().await;
    assert_eq!(world.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_about_a_topic_without_handlers_until_shutdown() {
    let world = World::new();
    let nobody = |topic: &str| world.dispatcher.asks_nobody(event(topic, 0).topic());
    world.bind("a", &[on("user.v1.*")], |_| async { go_on() });
    assert!(!nobody(T) && nobody("user.v2.prompt"));
    world.dispatcher.unbind(&capsule("a"));
    assert!(nobody(T));
    world.dispatcher.shutdown(LONG).await;
    // It would be refused: whoever asks has to be told.
    assert!(!nobody(T));
}
