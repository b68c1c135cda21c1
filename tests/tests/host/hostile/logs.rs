//! Lines of log: too long, too many, or no text at all.

use std::sync::Arc;

use astrid_e2e::guests::Guest;
use astrid_host::principal::LOG_RATE;
use astrid_host::storage::{LogLevel, log_files};
use astrid_host::{CallError, Home};

use super::{fails, misbehave};
use crate::common::{ALLOCATIONS, Lines, Sink, ask, builder, call, call_by, id, with_people};

#[tokio::test]
pub(crate) async fn a_line_of_60_mib() {
    let error = fails(Guest::HugeLine, misbehave()).await;
    assert_eq!(error.kind(), "too-large", "{error}");
}

#[tokio::test]
pub(crate) async fn a_line_outside_of_the_guests_memory() {
    let error = fails(Guest::StrayString, misbehave()).await;
    assert!(matches!(error, CallError::Trap { .. }), "{error:?}");
    assert!(error.to_string().contains("out of bounds"), "{error}");
}

#[tokio::test]
pub(crate) async fn a_line_that_is_no_utf_8() {
    let error = fails(Guest::NotUtf8, call("log", ())).await;
    assert!(matches!(error, CallError::Trap { .. }), "{error:?}");
    assert!(error.to_string().contains("utf-8"), "{error}");
}

#[tokio::test]
pub(crate) async fn a_flood_of_lines() {
    const LINES: usize = 100_000;
    let home = Home::ephemeral().unwrap();
    for allocation in ALLOCATIONS {
        let lines = Arc::<Lines>::default();
        let builder = builder()
            .home(home.clone())
            .allocation(allocation)
            .log_sink(Arc::new(Sink(Arc::clone(&lines))));
        let host = builder.build().await.unwrap();
        let capsule = host.load(Guest::LogFlood.package()).await.unwrap();
        let reply = ask(&host, &capsule, "misbehave", ()).await.unwrap();

        let (mut kept, mut bytes, mut dropped) = (0, 0, 0);
        for (level, _, _, message) in lines.all() {
            match level {
                LogLevel::Info => (kept, bytes) = (kept + 1, bytes + message.len()),
                _ => dropped += count(&message),
            }
        }
        assert_eq!(kept + dropped, LINES, "what isn't there is counted");
        let seconds = reply.elapsed.as_secs() as usize + 2;
        assert!(bytes <= LOG_RATE.get() as usize * seconds, "{bytes}");
        assert!(dropped > LINES / 2, "{dropped}");
    }
}

/// The number that a warning about dropped lines begins with.
fn count(message: &str) -> usize {
    let (number, rest) = message.split_once(' ').unwrap();
    assert!(rest.contains("lines were dropped"), "{message}");
    number.parse().unwrap()
}

#[tokio::test]
async fn a_flood_is_its_principals_own() {
    let lines = Arc::<Lines>::default();
    let host = with_people(builder().log_sink(Arc::new(Sink(Arc::clone(&lines))))).await;
    let capsule = host.load(Guest::LogFlood.package()).await.unwrap();
    host.invoke(&capsule, call_by("alice", "misbehave", ()))
        .await
        .unwrap();
    host.invoke(&capsule, call_by("bob", "behave", ()))
        .await
        .unwrap();
    let of_bob: Vec<_> = lines
        .all()
        .into_iter()
        .filter(|(_, principal, ..)| principal == "bob")
        .map(|(_, _, _, message)| message)
        .collect();
    assert_eq!(of_bob, ["one line"]);

    host.flush_logs();
    let file = |who| {
        let files = log_files(host.home(), &id(who), capsule.name()).unwrap();
        std::fs::read_to_string(&files[0]).unwrap()
    };
    assert!(file("alice").contains("lines were dropped"));
    assert!(!file("bob").contains("dropped"), "{}", file("bob"));
}
