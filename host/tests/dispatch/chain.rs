//! Chains and verdicts.

use std::time::Duration;

use astrid_host::call::{MAX_PAYLOAD, Verdict};
use astrid_host::dispatch::{Conclusion, Said};

use crate::world::{World, event, go_on, on, rewrite, said, trap};

const T: &str = "user.v1.prompt";

#[tokio::test(start_paused = true)]
async fn handlers_run_by_priority_and_then_by_capsule_each_seeing_what_the_last_one_left() {
    let world = World::new();
    world.says("late", &[on(T).priority(200)], rewrite("4"));
    world.says("b", &[on("user.*.prompt")], rewrite("3"));
    world.says("a", &[on(T)], rewrite("2"));
    world.says("early", &[on(T).priority(1)], go_on());
    world.says("other", &[on("user.v1.reply")], rewrite("9"));
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(world.calls(), ["early 1", "a 1", "b 2", "late 3"]);
    assert_eq!(outcome.verdict, Conclusion::Continue);
    assert_eq!(outcome.payload.as_str(), "4");
    assert_eq!(
        said(&outcome),
        [
            "early: Continue",
            "a: Rewrite",
            "b: Rewrite",
            "late: Rewrite"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn final_answers_and_deny_refuses_and_both_end_the_chain() {
    let world = World::new();
    world.says("last", &[on(T).priority(200)], rewrite("9"));
    world.says("watch", &[on(T).priority(200).observe()], go_on());
    world.says(
        "first",
        &[on(T)],
        Ok(Verdict::Final(Some("\"done\"".into()))),
    );
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Final);
    assert_eq!(outcome.answer.as_deref(), Some("\"done\""));
    assert_eq!(said(&outcome), ["first: Final"]);
    world.says(
        "first",
        &[on(T)],
        Ok(Verdict::Deny(Some("a secret".into()))),
    );
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Deny);
    assert_eq!(outcome.reason.as_deref(), Some("a secret"));
    assert_eq!(outcome.payload.as_str(), "1");
    assert_eq!(world.calls(), ["first 1", "first 1"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_handles_continues() {
    let outcome = World::new().dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Continue);
    assert_eq!((outcome.payload.as_str(), outcome.steps.len()), ("1", 0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_a_custom_payload_unwrapped_and_its_publisher_gets_it_back_as_it_was() {
    let world = World::new();
    world.says("a", &[on(T)], go_on());
    let custom = r#"{"type":"custom","data":{"a":1}}"#;
    let outcome = world.dispatch(event(T, custom)).await;
    assert_eq!(world.calls(), [r#"a {"a":1}"#]);
    assert_eq!(outcome.payload.as_str(), custom);
}

#[tokio::test(start_paused = true)]
async fn a_rewrite_is_json_of_at_most_a_mebibyte_or_else_no_answer() {
    let world = World::new();
    let fits = format!("\"{}\"", "x".repeat(MAX_PAYLOAD - 2));
    for (data, verdict) in [
        (fits.clone(), Conclusion::Continue),
        (format!("{fits} "), Conclusion::Deny),
        ("{".to_owned(), Conclusion::Deny),
    ] {
        world.says("a", &[on(T).deny()], rewrite(data));
        let outcome = world.dispatch(event(T, 1)).await;
        assert_eq!(outcome.verdict, verdict);
        let failed =
            matches!(&outcome.steps[0].said, Said::Failed(failure) if failure.kind == "payload");
        assert_eq!(failed, verdict == Conclusion::Deny);
    }
    let long = Ok(Verdict::Final(Some(format!("{fits} "))));
    world.says("a", &[on(T)], long);
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(
        (outcome.verdict, outcome.answer),
        (Conclusion::Continue, None)
    );
    // A refusal stays one, however long.
    let long = Ok(Verdict::Deny(Some("é".repeat(MAX_PAYLOAD))));
    world.says("a", &[on(T)], long);
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Deny);
    let reason = outcome.reason.unwrap_or_default();
    assert!(reason.ends_with(" … (2097152 bytes, cut)"), "{reason}");
    let cut = |said: &Said| match said {
        Said::Deny(Some(text)) => text.len() < 2_000 && text.ends_with("bytes, cut)"),
        _ => false,
    };
    assert!(outcome.steps.iter().any(|step| cut(&step.said)));
}

#[tokio::test(start_paused = true)]
async fn no_answer_counts_as_continue_or_as_deny_where_the_manifest_says_so() {
    let world = World::new();
    world.says("a", &[on(T)], trap());
    world.says("b", &[on(T)], go_on());
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Continue);
    assert_eq!(said(&outcome), ["a: trap", "b: Continue"]);
    world.says("a", &[on(T).deny()], trap());
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Deny);
    assert_eq!(said(&outcome), ["a: trap"]);
    let reason = outcome.reason.expect("a reason");
    assert!(
        reason.contains("capsule a") && reason.contains("unreachable"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_capsule_that_fails_to_load_keeps_its_bindings_so_a_broken_guard_still_denies() {
    let world = World::new();
    world.fails_to_load("guard", &[on(T).deny()]);
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Deny);
    assert_eq!(said(&outcome), ["guard: not-loaded"]);
    let reason = outcome.reason.expect("a reason");
    assert!(reason.contains("no such import"), "{reason}");
    world.fails_to_load("guard", &[on(T)]);
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Continue);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_longer_than_its_timeout_gave_no_answer_and_its_lane_goes_on() {
    let world = World::new();
    world.bind("slow", &[on(T).timeout(500).deny()], |_| {
        std::future::pending()
    });
    let before = tokio::time::Instant::now();
    for _ in 0..2 {
        let outcome = world.dispatch(event(T, 1)).await;
        assert_eq!(outcome.verdict, Conclusion::Deny);
        assert_eq!(said(&outcome), ["slow: timeout"]);
    }
    let took = before.elapsed().as_millis();
    assert!((1_000..1_100).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn observers_run_beside_the_chain_at_their_turn_and_nobody_waits_for_them() {
    let world = World::new();
    world.says("first", &[on(T).priority(1)], rewrite("2"));
    let door = world.waits("watch", &[on(T).priority(2).observe()]);
    world.says("last", &[on(T).priority(3)], rewrite("3"));
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.payload.as_str(), "3");
    assert_eq!(
        said(&outcome),
        ["first: Rewrite", "watch: Running", "last: Rewrite"]
    );
    // It sees the payload of its turn. Its event is done, and it counts as an observer until it is, too.
    assert!(world.called(3).await.contains(&"watch 2".to_owned()));
    let figures = world.dispatcher.figures();
    assert_eq!((figures.in_flight, figures.observers), (0, 1));
    assert!(!world.dispatcher.drain(Duration::from_secs(1)).await);
    door.add_permits(1);
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_observer_says_is_traced_and_otherwise_ignored() {
    let world = World::new();
    for answer in [
        rewrite("9"),
        Ok(Verdict::Deny(None)),
        Ok(Verdict::Final(None)),
        trap(),
    ] {
        world.says("watch", &[on(T).priority(1).observe().deny()], answer);
        let door = world.waits("last", &[on(T).priority(3)]);
        let before = world.calls().len();
        let outcome = world.dispatching(event(T, 1)).await;
        // Both are called; the observer has nothing to wait for.
        world.called(before + 2).await;
        door.add_permits(1);
        let outcome = outcome.await.expect("no panic");
        assert_eq!(outcome.verdict, Conclusion::Continue);
        assert_eq!(outcome.payload.as_str(), "1");
        assert_ne!(outcome.steps[0].said, Said::Running);
        world.idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_denied_unless_each_capsule_required_for_it_answers_in_its_chain() {
    let world = World::with(Default::default(), &[(T, &["guard"])]);
    let denied = async |why: &str| {
        let outcome = world.dispatch(event(T, 1)).await;
        assert_eq!(outcome.verdict, Conclusion::Deny, "{why}");
        let reason = outcome.reason.expect("a reason");
        assert!(reason.contains("guard") && reason.contains(why), "{reason}");
        outcome.steps
    };
    world.says("other", &[on(T).priority(1)], go_on());
    // Nobody is asked in vain.
    assert!(denied("isn't loaded").await.is_empty());
    world.says("guard", &[on("user.v1.reply")], go_on());
    denied("doesn't bind").await;
    world.says("guard", &[on(T).observe()], go_on());
    denied("doesn't bind").await;
    world.says("guard", &[on(T)], trap());
    denied("gave no answer").await;
    world.fails_to_load("guard", &[on(T)]);
    denied("could not be loaded").await;
    world.says("guard", &[on(T)], go_on());
    world.says("other", &[on(T).priority(1)], Ok(Verdict::Final(None)));
    denied("answered before it was asked").await;
    world.says("other", &[on(T).priority(1)], trap());
    let outcome = world.dispatch(event(T, 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Continue);
    let outcome = world.dispatch(event("user.v1.other", 1)).await;
    assert_eq!(outcome.verdict, Conclusion::Continue);
}

#[tokio::test(start_paused = true)]
async fn the_trace_says_who_was_asked_what_they_said_and_how_long_each_took() {
    let world = World::new();
    let script = |_| async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        go_on()
    };
    world.bind("a", &[on(T).action("think")], script);
    world.says("b", &[on(T)], Ok(Verdict::Deny(None)));
    let outcome = world.dispatch(event(T, 1)).await;
    let [a, b] = &outcome.steps[..] else {
        panic!("{:?}", outcome.steps)
    };
    assert_eq!((a.capsule.as_str(), &*a.action), ("a", "think"));
    assert_eq!(a.elapsed.as_secs(), 3);
    assert_eq!((b.capsule.as_str(), &b.said), ("b", &Said::Deny(None)));
    assert_eq!(b.elapsed.as_secs(), 0);
    assert_eq!(outcome.reason.as_deref(), Some("capsule b refuses it"));
}
