//! Time: computing and waiting without end.

use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::CallError;

use super::{LITTLE, fails, hosts, misbehave};
use crate::common::call;

#[tokio::test]
pub(crate) async fn an_endless_loop() {
    let error = fails(Guest::EndlessLoop, misbehave()).await;
    assert_eq!(error.kind(), "cpu-timeout");
    let CallError::CpuTimeout { budget, trace, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(budget.as_millis(), 300, "the manifest's");
    assert!(!trace.is_empty(), "it says what it was doing");
}

#[tokio::test]
pub(crate) async fn an_endless_loop_that_calls_the_host() {
    let error = fails(Guest::EndlessCalls, misbehave().cpu_within(LITTLE)).await;
    assert!(
        matches!(error, CallError::CpuTimeout { budget: LITTLE, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn computing_past_the_wall_limit() {
    let error = fails(Guest::EndlessLoop, misbehave().within(LITTLE)).await;
    assert_eq!(error.kind(), "wall-timeout", "{error}");
}

#[tokio::test]
pub(crate) async fn sleeping_past_the_wall_limit() {
    let error = fails(Guest::Sleeper, misbehave().within(LITTLE)).await;
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
async fn cpu_time_begins_afresh_at_each_call() {
    const BUDGET: Duration = Duration::from_secs(1);
    for (host, capsule) in hosts(Guest::HugeLine).await {
        // A few milliseconds each, of one instance, until they add up to more than one of them may take.
        let mut all = Duration::ZERO;
        while all < BUDGET + BUDGET / 4 {
            let call = call("prepare", ()).cpu_within(BUDGET);
            all += host.invoke(&capsule, call).await.unwrap().elapsed;
        }
    }
}
