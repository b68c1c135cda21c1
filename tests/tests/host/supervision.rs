//! What becomes of a capsule that keeps failing for a principal.

use std::sync::Arc;
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::call::MAX_PAYLOAD;
use astrid_host::dispatch::{Conclusion, Event, Said};
use astrid_host::storage::LogLevel;
use astrid_host::{Call, CallError, Capsule, Host};

use crate::common::{
    Lines, Sink, builder, call, call_by, configured, host, id, loaded, with_people,
};

/// So many failures within a minute are too many.
const TOO_MANY: usize = 5;

async fn fails(host: &Host, capsule: &Capsule, call: &Call, times: usize) {
    for _ in 0..times {
        let error = host.invoke(capsule, call.clone()).await.unwrap_err();
        assert_eq!(error.kind(), "panic", "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_five_failures_a_capsule_is_not_called_for_a_while() {
    let (host, capsule) = loaded(Guest::Panic).await;
    let bad = call_by("alice", "misbehave", ());
    fails(&host, &capsule, &bad, TOO_MANY).await;

    // Good or bad, and with the reason.
    for action in ["misbehave", "behave"] {
        let refused = call_by("alice", action, ());
        let error = host.invoke(&capsule, refused).await.unwrap_err();
        assert_eq!(error.kind(), "circuit-open");
        let CallError::CircuitOpen {
            principal,
            reason,
            retry_in,
            ..
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(*principal, id("alice"));
        assert!(reason.contains("on purpose"), "{reason}");
        let (least, most) = (Duration::from_secs(2), Duration::from_millis(2_500));
        assert!(*retry_in >= least && *retry_in <= most, "{retry_in:?}");
        let failed = capsule.failed_for(&id("alice")).unwrap();
        assert_eq!(failed.to_string(), error.to_string());
    }

    tokio::time::advance(Duration::from_millis(2_500)).await;
    assert!(capsule.failed_for(&id("alice")).is_none());
    fails(&host, &capsule, &bad, 1).await;
    let error = host.invoke(&capsule, bad.clone()).await.unwrap_err();
    let CallError::CircuitOpen { retry_in, .. } = error else {
        panic!("one failure is enough to open it again: {error:?}")
    };
    assert!(retry_in >= Duration::from_secs(4), "{retry_in:?}");

    tokio::time::advance(Duration::from_secs(5)).await;
    let good = call_by("alice", "behave", ());
    host.invoke(&capsule, good.clone()).await.unwrap();
    fails(&host, &capsule, &bad, TOO_MANY - 1).await;
    host.invoke(&capsule, good).await.unwrap();
}

#[tokio::test]
async fn one_principals_failures_shut_nobody_else_out() {
    let (host, capsule) = loaded(Guest::Panic).await;
    fails(
        &host,
        &capsule,
        &call_by("alice", "misbehave", ()),
        TOO_MANY,
    )
    .await;
    assert!(capsule.failed_for(&id("alice")).is_some());
    for other in ["bob", "default"] {
        host.invoke(&capsule, call_by(other, "behave", ()))
            .await
            .unwrap();
        assert!(capsule.failed_for(&id(other)).is_none());
    }
}

/// Whatever a caller sets is the caller's: else any caller could have a guard passed by.
#[tokio::test]
async fn what_a_caller_allows_a_call_opens_no_circuit() {
    let millisecond = Duration::from_millis(1);
    let (host, capsule) = loaded(Guest::Sleeper).await;
    for _ in 0..2 * TOO_MANY {
        let hasty = call("misbehave", ()).within(millisecond);
        let error = host.invoke(&capsule, hasty).await.unwrap_err();
        assert_eq!(error.kind(), "wall-timeout", "{error}");
    }
    host.invoke(&capsule, call("behave", ())).await.unwrap();

    let (host, capsule) = loaded(Guest::EndlessLoop).await;
    for _ in 0..2 * TOO_MANY {
        let hasty = call("misbehave", ()).cpu_within(millisecond);
        let error = host.invoke(&capsule, hasty).await.unwrap_err();
        assert_eq!(error.kind(), "cpu-timeout", "{error}");
    }
    host.invoke(&capsule, call("behave", ())).await.unwrap();
}

/// The time that is left to an event is its publisher's, or the parent's that it is nested in.
#[tokio::test]
async fn what_a_parent_has_left_opens_no_circuit() {
    let host = host().await;
    let package = Guest::Sleeper.package_with(&sleeps_on("demo.v1.sleep", ""));
    let capsule = host.load(package).await.unwrap();
    for _ in 0..2 * TOO_MANY {
        let event = Event::json("demo.v1.sleep", &()).unwrap().by(&id("alice"));
        let answers = host.trigger(event, Duration::from_millis(5)).await.unwrap();
        let failure = answers[0].answer.clone().unwrap_err();
        assert!(failure.kind.contains("timeout"), "{failure:?}");
    }
    assert!(capsule.failed_for(&id("alice")).is_none());
}

/// What the manifest allows a handler is the capsule's own limit; and whoever publishes sees that it is passed by.
#[tokio::test]
async fn the_time_of_its_own_manifest_counts_and_who_publishes_sees_it() {
    let host = host().await;
    let manifest = sleeps_on("demo.v1.sleep", ", timeout_ms = 20");
    let package = Guest::Sleeper.package_with(&manifest);
    let capsule = host.load(package).await.unwrap();
    let publish = async || {
        let event = Event::json("demo.v1.sleep", &()).unwrap().by(&id("alice"));
        host.dispatch(event).await.unwrap()
    };
    for _ in 0..TOO_MANY {
        let outcome = publish().await;
        assert!(
            matches!(&outcome.steps[0].said, Said::Failed(_)),
            "{outcome:?}"
        );
        assert_eq!(outcome.skipped().count(), 0);
    }
    // Where the machine gave the host no time to hear the guest, that was no failure of the capsule's.
    let mut outcome = publish().await;
    for _ in 0..10 * TOO_MANY {
        if outcome.skipped().count() > 0 {
            break;
        }
        outcome = publish().await;
    }
    assert_eq!(outcome.verdict, Conclusion::Continue);
    let [skipped] = &outcome.skipped().collect::<Vec<_>>()[..] else {
        panic!("{outcome:?}")
    };
    assert_eq!(skipped.capsule.as_str(), "sleeper");
    let [open] = &capsule.open_circuits()[..] else {
        panic!("{:?}", capsule.open_circuits())
    };
    assert_eq!(open.principal, id("alice"));
    assert!(open.reason.contains("20ms"), "{}", open.reason);
}

/// The sleeper, which sleeps on each event of a topic.
fn sleeps_on(topic: &str, more: &str) -> String {
    let manifest = Guest::Sleeper.manifest();
    format!("{manifest}\n[subscribe]\n\"{topic}\" = {{ handler = \"misbehave\"{more} }}\n")
}

#[tokio::test]
async fn memory_that_others_took_opens_no_circuit() {
    let host = with_people(configured("[limits]\ntotal_memory = 65_536\n")).await;
    let capsule = host.load(Guest::Panic.package()).await.unwrap();
    for _ in 0..2 * TOO_MANY {
        let error = host.invoke(&capsule, call("behave", ())).await.unwrap_err();
        assert_eq!(error.kind(), "host-memory", "{error}");
    }
    assert!(capsule.failed_for(&id("default")).is_none());
}

#[tokio::test]
async fn an_answer_that_is_no_verdict_or_too_large_is_a_failure() {
    for (guest, bad, kind) in [
        (Guest::LongVerdict, call("misbehave", ()), "no-verdict"),
        (
            Guest::HugeAnswer,
            call("answer", MAX_PAYLOAD + 1),
            "too-large",
        ),
    ] {
        let (host, capsule) = loaded(guest).await;
        for _ in 0..TOO_MANY {
            let error = host.invoke(&capsule, bad.clone()).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
        let error = host.invoke(&capsule, bad).await.unwrap_err();
        assert_eq!(error.kind(), "circuit-open", "{error}");
    }
}

/// Each failure leaves a line with what is needed to find it; a flood of them doesn't leave a flood.
#[tokio::test]
async fn failed_calls_are_written_down() {
    let lines = Arc::new(Lines::default());
    let builder = builder().log_sink(Arc::new(Sink(Arc::clone(&lines))));
    let host = with_people(builder).await;
    let capsule = host.load(Guest::Sleeper.package()).await.unwrap();
    for _ in 0..60 {
        let hasty = call_by("alice", "misbehave", ()).within(Duration::from_millis(1));
        host.invoke(&capsule, hasty).await.unwrap_err();
    }
    let all = lines.all();
    let failed: Vec<_> = all
        .iter()
        .filter(|line| line.0 == LogLevel::Error)
        .collect();
    assert!(failed.len() >= 16 && failed.len() < 60, "{}", failed.len());
    let (_, principal, capsule, message) = failed[0];
    assert_eq!((principal.as_str(), capsule.as_str()), ("alice", "sleeper"));
    let start = "handler \"misbehave\" failed for alice: wall-timeout (trace ";
    assert!(message.starts_with(start), "{message}");
    assert!(message.contains("did not answer within"), "{message}");
}

#[tokio::test]
async fn what_a_guest_answers_is_no_failure() {
    let (host, capsule) = loaded(Guest::Guard).await;
    for _ in 0..2 * TOO_MANY {
        // It doesn't fit the handler's type: denied.
        host.invoke(&capsule, call("check", 7)).await.unwrap();
    }
    assert!(capsule.failed_for(&id("default")).is_none());
}

#[tokio::test]
async fn a_capsule_that_is_loaded_again_begins_afresh() {
    let (host, capsule) = loaded(Guest::Panic).await;
    fails(&host, &capsule, &call("misbehave", ()), TOO_MANY).await;
    host.unload(&capsule);
    let capsule = host.load(Guest::Panic.package()).await.unwrap();
    host.invoke(&capsule, call("behave", ())).await.unwrap();
}
