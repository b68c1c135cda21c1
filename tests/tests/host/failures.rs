//! What a guest can do wrong while it runs. Each failure has its error, ends its instance, and leaves the capsule
//! as good as it was.

use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::{Call, CallError};
use serde_json::json;

use crate::common::{ask, call, fresh, loaded, said};

/// Makes a call that must fail, between calls that must not.
async fn fails(call: Call) -> CallError {
    let (host, capsule) = loaded(Guest::Misbehave).await;
    let before = ask(&host, &capsule, "behave", ()).await.unwrap();
    let error = host.invoke(&capsule, call).await.unwrap_err();
    let after = ask(&host, &capsule, "behave", ()).await.unwrap();
    let again = ask(&host, &capsule, "behave", ()).await.unwrap();
    assert_eq!(
        fresh([&before, &after, &again]),
        [true, true, false],
        "{error}"
    );
    assert!(error.hint().is_some(), "{error}");
    assert!(error.to_string().contains("capsule misbehave"), "{error}");
    error
}

/// Little, so that nobody waits for it.
const LITTLE: Duration = Duration::from_millis(40);

#[tokio::test]
pub(crate) async fn an_endless_loop() {
    let error = fails(call("spin", ())).await;
    assert_eq!(error.kind(), "cpu-timeout");
    let CallError::CpuTimeout { budget, trace, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*budget, Duration::from_millis(300), "the manifest's");
    assert!(
        trace.iter().any(|frame| frame.contains("misbehave")),
        "{trace:?}"
    );
}

#[tokio::test]
async fn a_call_may_lower_its_own_cpu_time() {
    let error = fails(call("spin", ()).cpu_within(LITTLE)).await;
    assert!(
        matches!(error, CallError::CpuTimeout { budget: LITTLE, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_endless_loop_that_asks_the_host() {
    let error = fails(call("ask", ()).cpu_within(LITTLE)).await;
    assert_eq!(error.kind(), "cpu-timeout", "{error}");
}

#[tokio::test]
async fn sleeping_past_the_wall_limit() {
    let error = fails(call("sleep", ()).within(LITTLE)).await;
    assert_eq!(error.kind(), "wall-timeout");
    let CallError::WallTimeout {
        budget, computed, ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(budget, LITTLE);
    assert!(computed < budget, "a sleeper isn't charged for its sleep");
}

#[tokio::test]
async fn computing_past_the_wall_limit() {
    let error = fails(call("spin", ()).within(LITTLE)).await;
    assert_eq!(error.kind(), "wall-timeout", "{error}");
}

#[tokio::test]
async fn a_panic() {
    let error = fails(call("panic", ())).await;
    assert_eq!(error.kind(), "panic");
    let CallError::Panic {
        message,
        file,
        line,
        trace,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(message, "on purpose");
    assert!(file.ends_with("misbehave/src/lib.rs"), "{file}");
    let source = std::fs::read_to_string(Guest::Misbehave.folder().join("src/lib.rs")).unwrap();
    let line = source.lines().nth(*line as usize - 1).unwrap();
    assert!(line.contains("panic!(\"on purpose\")"), "{line}");
    assert!(
        trace.iter().any(|frame| frame.contains("misbehave")),
        "{trace:?}"
    );
}

#[tokio::test]
async fn an_end_without_a_word() {
    let error = fails(call("abort", ())).await;
    assert_eq!(error.kind(), "trap");
    assert!(error.to_string().contains("unreachable"), "{error}");
    assert!(!error.backtrace().is_empty());
}

#[tokio::test]
async fn recursion_without_end() {
    let error = fails(call("recurse", ())).await;
    assert_eq!(error.kind(), "stack-overflow", "{error}");
    assert!(
        error
            .backtrace()
            .iter()
            .any(|frame| frame.contains("deeper")),
        "{:?}",
        error.backtrace()
    );
}

#[tokio::test]
async fn hunger_for_memory() {
    let error = fails(call("hog", ())).await;
    assert_eq!(error.kind(), "memory", "{error}");
    let CallError::Memory { wanted, limit, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(limit, 8 << 20, "the manifest's");
    assert!(wanted > limit);
}

#[tokio::test]
async fn limits_hold_at_every_call() {
    let (host, capsule) = loaded(Guest::Misbehave).await;
    for _ in 0..3 {
        let spin = call("spin", ()).cpu_within(LITTLE);
        let error = host.invoke(&capsule, spin).await.unwrap_err();
        assert_eq!(error.kind(), "cpu-timeout");
        // CPU time begins afresh: calls that use none of it are not charged for earlier ones.
        for _ in 0..3 {
            let call = call("behave", ()).cpu_within(LITTLE);
            host.invoke(&capsule, call).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_denied_and_costs_no_instance() {
    let (host, capsule) = loaded(Guest::Misbehave).await;
    let reply = ask(&host, &capsule, "answer", json!({ "bytes": 1 }))
        .await
        .unwrap();
    let (word, reason) = said(&reply);
    assert_eq!(word, "deny");
    assert!(reason.as_str().unwrap().contains("usize"), "{reason}");
    let next = ask(&host, &capsule, "behave", ()).await.unwrap();
    assert_eq!(fresh([&next]), [false]);
}
