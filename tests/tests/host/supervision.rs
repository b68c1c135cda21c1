//! What becomes of a capsule that keeps failing for a principal.

use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::{Call, CallError, Capsule, Host};

use crate::common::{call, call_by, id, loaded};

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
