//! Guests that do what a capsule must not: each fails alone, with an error that says what it did, and leaves the
//! capsule as good as it was. A module for what is abused.

pub(crate) mod answers;
pub(crate) mod logs;
pub(crate) mod memory;
pub(crate) mod time;
pub(crate) mod traps;

use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::{Call, CallError, Capsule, Home, Host};

use crate::common::{ALLOCATIONS, ask, builder, call, fresh};

/// Little time, so that nobody waits for it.
const LITTLE: Duration = Duration::from_millis(40);

/// A host of each allocation with the guest loaded. Its code is compiled once.
async fn hosts(guest: Guest) -> Vec<(Host, Capsule)> {
    let home = Home::ephemeral().unwrap();
    let mut hosts = Vec::new();
    for allocation in ALLOCATIONS {
        let builder = builder().home(home.clone()).allocation(allocation);
        let host = builder.build().await.unwrap();
        let capsule = host.load(guest.package()).await.unwrap();
        hosts.push((host, capsule));
    }
    hosts
}

/// Makes a call that must fail and end its instance, twice, between calls that must not. Answers with what it failed
/// with.
async fn fails(guest: Guest, bad: Call) -> CallError {
    error_of(guest, bad, true).await
}

/// The same, where the host refuses what a guest answered that did come to its end: it may be asked again.
async fn is_refused(guest: Guest, bad: Call) -> CallError {
    error_of(guest, bad, false).await
}

async fn error_of(guest: Guest, bad: Call, ends: bool) -> CallError {
    let mut errors = Vec::new();
    for (host, capsule) in hosts(guest).await {
        let good = async || ask(&host, &capsule, "behave", ()).await.unwrap();
        good().await;
        for _ in 0..2 {
            errors.push(host.invoke(&capsule, bad.clone()).await.unwrap_err());
            assert_eq!(host.memory_used() == 0, ends);
            let (next, after) = (good().await, good().await);
            assert_eq!(fresh([&next, &after]), [ends, false]);
        }
    }
    let error = errors.remove(0);
    let name = format!("capsule {}", guest.name());
    assert!(error.to_string().contains(&name), "{error}");
    assert!(error.hint().is_some(), "{error}");
    for other in errors {
        assert_eq!(other.kind(), error.kind(), "{other}");
    }
    error
}

/// The call by which most of them misbehave.
fn misbehave() -> Call {
    call("misbehave", ())
}
