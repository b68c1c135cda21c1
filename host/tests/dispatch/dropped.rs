//! Every public future may be dropped at any await: polled k times and then dropped, for each k until it is done.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::world::{
    World, capsule, event, event_of, go_on, on, payload, poll_once, principal, topic,
};

const T: &str = "user.v1.prompt";
const LONG: Duration = Duration::from_secs(60);

/// A world whose one handler yields a few times, with alice's lane full: one runs, 64 are queued.
fn busy() -> World {
    let world = World::new();
    world.bind("a", &[on(T)], |_| async {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        go_on()
    });
    for i in 0..65 {
        world.dispatcher.try_publish(event(T, i)).expect("room");
    }
    world
}

/// Polls the future that `make` makes k times, letting everybody else run between, and drops it; for each k. Checks
/// that nothing is left behind each time: everything else was handled, in order, and whatever comes next is, too.
async fn drop_at_each_await<F, O>(make: impl Fn(Arc<World>) -> F)
where
    F: Future<Output = O>,
{
    let mut done = false;
    for polls in 0.. {
        let world = Arc::new(busy());
        let mut future: Pin<Box<F>> = Box::pin(make(Arc::clone(&world)));
        for _ in 0..polls {
            done = poll_once(&mut future).is_some();
            if done {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(future);
        world.dispatch(event(T, 100)).await;
        world.idle().await;
        let calls = world.calls().into_iter().filter(|call| *call != "a 99");
        let expected = (0..65).chain([100]).map(|i| format!("a {i}"));
        assert!(calls.eq(expected), "after {polls} polls");
        let pause = world.dispatcher.pause(&capsule("a"));
        world
            .dispatcher
            .drained(&pause, LONG)
            .await
            .expect("nothing runs");
        if done {
            assert!(polls > 2, "it waited");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dispatch() {
    drop_at_each_await(|world| async move { world.dispatcher.dispatch(event(T, 99)).await }).await;
}

#[tokio::test(start_paused = true)]
async fn publish() {
    drop_at_each_await(|world| async move { world.dispatcher.publish(event(T, 99)).await }).await;
}

#[tokio::test(start_paused = true)]
async fn trigger() {
    drop_at_each_await(|world| async move { world.dispatcher.trigger(event(T, 99), LONG).await })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_turn() {
    drop_at_each_await(|world| async move {
        let lane = world
            .dispatcher
            .lanes()
            .of(&capsule("a"))
            .lane(&principal("alice"));
        lane.enter().await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn drain_and_drained() {
    drop_at_each_await(|world| async move { world.dispatcher.drain(LONG).await }).await;
    drop_at_each_await(|world| async move {
        let pause = world.dispatcher.pause(&capsule("a"));
        world.dispatcher.drained(&pause, LONG).await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_nested_ends_with_what_it_is_nested_in() {
    for polls in 0..4 {
        let world = Arc::new(World::new());
        let dispatcher = Arc::new(OnceLock::from(world.dispatcher.clone()));
        let (asked, inner) = (Arc::clone(&dispatcher), "user.v1.inner");
        world.waits("b", &[on(inner)]);
        world.bind("a", &[on(T)], move |event| {
            let asked = Arc::clone(&asked);
            async move {
                let scope = event.scope();
                let dispatcher = asked.get().expect("set");
                let mut both = (
                    dispatcher.dispatch_within(&scope, topic(inner), payload("1")),
                    dispatcher.trigger_within(&scope, topic(inner), payload("1"), LONG),
                );
                for _ in 0..polls {
                    assert!(poll_once(&mut both.0).is_none());
                    assert!(poll_once(&mut both.1).is_none());
                    tokio::task::yield_now().await;
                }
                go_on()
            }
        });
        world.dispatch(event_of("bob", T, 1)).await;
        world.idle().await;
        let pause = world.dispatcher.pause(&capsule("b"));
        world
            .dispatcher
            .drained(&pause, LONG)
            .await
            .expect("nothing runs");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown() {
    for polls in 0..5 {
        let world = World::new();
        let door = world.waits("a", &[on(T)]);
        for i in 0..10 {
            world.dispatcher.try_publish(event(T, i)).expect("room");
        }
        let mut shutdown = Box::pin(world.dispatcher.shutdown(LONG));
        for _ in 0..polls {
            assert!(poll_once(&mut shutdown).is_none());
            tokio::task::yield_now().await;
        }
        drop(shutdown);
        assert_eq!(
            world.dispatcher.try_publish(event(T, 10)).is_err(),
            polls > 0
        );
        door.add_permits(20);
        assert!(world.dispatcher.shutdown(LONG).await);
        world.idle().await;
    }
}
