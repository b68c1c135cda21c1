//! Slow handlers and observers, and what they may not hold up, whatever the schedule.

use super::*;

/// Alice's events on [`T`], each dispatched by a task of its own.
fn storm(world: &World, count: usize) -> Vec<shuttle::future::JoinHandle<Vec<Said>>> {
    let storm = (0..count).map(|i| {
        let dispatcher = world.dispatcher.clone();
        spawn(async move {
            let outcome = dispatcher.dispatch(event("alice", i)).await;
            let steps = outcome.expect("an outcome").steps.into_iter();
            steps.map(|step| step.said).collect()
        })
    });
    storm.collect()
}

/// An event of alice's that only `a` handles goes through, at once.
async fn other_goes_on(world: &World) {
    let other = event_on(OTHER, "alice", 100);
    let outcome = world.dispatcher.dispatch(other).await;
    assert_eq!(outcome.expect("an outcome").steps.len(), 1);
}

#[test]
fn a_second_handler_that_does_not_go_on_leaves_room_for_what_is_not_behind_it() {
    explore(500, || async {
        // At most four are behind it: one that is handled, one that waits, one that was in the lane before, and the one
        // that came in because there was room for it in turns.
        let world = World::new(limits(1, 5, 5));
        *world.held.lock().expect("no panic") = "b";
        let storm = storm(&world, 8);
        yield_now().await;
        other_goes_on(&world).await;
        assert!(world.dispatcher.figures().in_flight <= 4);
        *world.held.lock().expect("no panic") = "";
        for outcome in storm {
            assert_eq!(outcome.await.expect("no panic").len(), 3);
        }
        world.finished().await;
        let at_b = world.asked("b", "alice");
        let at_a = world.asked("a", "alice").into_iter();
        assert_eq!(
            at_b,
            at_a.filter(|event| event != "100").collect::<Vec<_>>()
        );
    });
}

#[test]
fn an_observer_that_does_not_go_on_holds_nothing_up() {
    explore(500, || async {
        let world = World::new(Limits {
            observers: budget(3, 3),
            ..limits(1, 2, 2)
        });
        *world.held.lock().expect("no panic") = "watch";
        let storm = storm(&world, 6);
        let mut observed = 0;
        for said in storm {
            match &said.await.expect("no panic")[..] {
                [Said::Continue, Said::Running, Said::Continue] => observed += 1,
                [Said::Continue, Said::Failed(failure), Said::Continue] => {
                    assert_eq!(failure.kind, HandlerFailure::BACKPRESSURE);
                }
                other => panic!("{other:?}"),
            }
        }
        other_goes_on(&world).await;
        // One is handled and one waits.
        let figures = world.dispatcher.figures();
        assert_eq!((observed, figures.observers, figures.unobserved), (2, 2, 4));
        *world.held.lock().expect("no panic") = "";
        world.finished().await;
        assert_eq!(world.asked("watch", "alice").len(), 2);
    });
}
