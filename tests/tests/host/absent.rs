//! What Rust's standard library offers and a component doesn't have: the error names a place of the author's, and what
//! to use instead.

use astrid_e2e::guests::Guest;
use astrid_host::CallError;

use crate::common::{ask, call_by, host, said};

/// What is asked for, and what the hint has to name.
const ABSENT: [(&str, &str); 5] = [
    ("time_of_day", "astrid_sdk::time::now"),
    ("stopwatch", "astrid_sdk::time::Instant"),
    ("nap", "astrid_sdk::time::sleep"),
    ("thread", "astrid_sdk::poll"),
    ("file", "what astrid_sdk offers"),
];

#[tokio::test]
pub(crate) async fn what_a_component_does_not_have_is_told_with_what_to_use() {
    let host = host().await;
    let capsule = host.load(Guest::Absent.package()).await.unwrap();
    for (action, instead) in ABSENT {
        let error = ask(&host, &capsule, action, ()).await.unwrap_err();
        assert_eq!(error.kind(), "panic", "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains(instead), "{action}: {hint}");
        is_told_by_the_authors_code(&error);
    }
    // Another principal's: five failures are enough for one.
    let index = call_by("alice", "index", 7);
    let error = host.invoke(&capsule, index).await.unwrap_err();
    is_told_by_the_authors_code(&error);
}

#[tokio::test]
pub(crate) async fn the_sdks_maps_hash_differently_in_each_instance() {
    let host = host().await;
    let capsule = host.load(Guest::Absent.package()).await.unwrap();
    let hashes = async |principal| {
        let reply = host.invoke(&capsule, call_by(principal, "hash", ())).await;
        let (_, hashes) = said(&reply.unwrap());
        serde_json::from_value::<[String; 2]>(hashes).unwrap()
    };
    let [alice, bob] = [hashes("alice").await, hashes("bob").await];
    let again = hashes("alice").await;
    assert_eq!(alice[1], again[1], "the same within an instance");
    // What `std` can't do is why there are others.
    assert_eq!(alice[0], bob[0]);
    assert_ne!(alice[1], bob[1]);
}

#[track_caller]
fn is_told_by_the_authors_code(error: &CallError) {
    let CallError::Panic { file, function, .. } = error else {
        panic!("{error:?}")
    };
    let is_theirs = match function {
        Some(function) => function.contains("absent") || function.contains("astrid-hook-trigger"),
        None => file.ends_with("absent/src/lib.rs"),
    };
    assert!(is_theirs, "{error}, {:?}", error.backtrace());
    let first = &error.backtrace()[0];
    assert!(!first.contains("panicking"), "{:?}", error.backtrace());
}
