//! Ends: a panic, an abort, a stack that is used up.

use astrid_e2e::guests::Guest;
use astrid_host::CallError;

use super::{fails, hosts, misbehave};
use crate::common::{ask, call, said};

#[tokio::test]
pub(crate) async fn a_panic() {
    let error = fails(Guest::Panic, misbehave()).await;
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
    assert!(file.ends_with("hostile/panic/src/lib.rs"), "{file}");
    let source = std::fs::read_to_string(Guest::Panic.folder().join("src/lib.rs")).unwrap();
    let line = source.lines().nth(*line as usize - 1).unwrap();
    assert!(line.contains("panic!(\"on purpose\")"), "{line}");
    assert!(
        trace.iter().any(|frame| frame.contains("panic")),
        "{trace:?}"
    );
}

#[tokio::test]
pub(crate) async fn an_end_without_a_word() {
    let error = fails(Guest::Unreachable, misbehave()).await;
    assert_eq!(error.kind(), "trap");
    assert!(error.to_string().contains("unreachable code"), "{error}");
    assert!(!error.backtrace().is_empty());
}

#[tokio::test]
pub(crate) async fn recursion_without_end() {
    let error = fails(Guest::DeepRecursion, misbehave()).await;
    assert_eq!(error.kind(), "stack-overflow", "{error}");
    let trace = error.backtrace();
    assert!(
        trace.iter().any(|frame| frame.contains("deeper")),
        "{trace:?}"
    );
}

#[tokio::test]
pub(crate) async fn recursion_without_end_of_functions_without_names() {
    let error = fails(Guest::DeepMemory, misbehave()).await;
    assert_eq!(error.kind(), "stack-overflow", "{error}");
    let trace = error.backtrace();
    assert!(trace[0].starts_with("function "), "{trace:?}");
}

#[tokio::test]
pub(crate) async fn a_thousand_levels_of_a_small_frame_are_no_recursion_without_end() {
    for (host, capsule) in hosts(Guest::DeepRecursion).await {
        let reply = ask(&host, &capsule, "nest", 1_000).await.unwrap();
        assert_eq!(said(&reply), ("final", 1_001.into()));
    }
    // Linear memory is used up before the engine's stack.
    let error = fails(Guest::DeepRecursion, call("nest", 100_000)).await;
    assert_eq!(error.kind(), "stack-overflow", "{error}");
    let trace = error.backtrace();
    assert!(
        trace.iter().any(|frame| frame.contains("nested")),
        "{trace:?}"
    );
}

#[tokio::test]
pub(crate) async fn a_functions_name_with_a_line_break() {
    let error = fails(Guest::Forger, misbehave()).await;
    assert_eq!(
        error.backtrace()[0],
        "trigger\\nerror: a forged error",
        "{error}"
    );
}
