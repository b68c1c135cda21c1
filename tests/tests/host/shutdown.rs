//! The end of a host: what is in flight has its time, and then nothing goes on.

use std::time::{Duration, Instant};

use astrid_e2e::guests::Guest;
use astrid_host::CallError;
use astrid_host::capsule::{LoopState, Readiness};
use astrid_host::dispatch::{DispatchError, Event};

use crate::common::{call_by, host, id};
use crate::load;

const LONG: Duration = Duration::from_secs(60);
/// Within so much after its limit a shutdown is over; twice that, for a machine that has other things to do.
const SOON: Duration = Duration::from_secs(4);

#[tokio::test]
async fn an_idle_host_ends_at_once_and_takes_nothing_any_more() {
    let host = host().await;
    let ticker = host.load(Guest::Ticker.package()).await.unwrap();
    let hello = host.load(Guest::Hello.package()).await.unwrap();
    assert_eq!(ticker.wait_ready(LONG).await, Readiness::Ready);
    assert!(host.shutdown(LONG).await);
    assert_eq!(ticker.run_loop(), Some(LoopState::Ended));
    let call = call_by("alice", "greet", serde_json::json!({ "name": "Ada" }));
    let error = host.invoke(&hello, call).await.unwrap_err();
    assert_eq!(error.kind(), "shutting-down", "{error}");
    let error = host.load(Guest::Noop.package()).await.unwrap_err();
    assert_eq!(error.kind(), "shutting-down", "{error}");
    let alone = host.home().lock_exclusive().unwrap();
    let installed = host
        .install(&alone, Guest::Installer.package(), "a test", &id("alice"))
        .await;
    let error = installed.unwrap_err();
    assert_eq!(error.kind(), "shutting-down", "{error}");
    let event = Event::json("user.v1.prompt", "hi").unwrap();
    let error = host.dispatch(event.by(&id("alice"))).await.unwrap_err();
    assert!(
        matches!(error, DispatchError::ShuttingDown { .. }),
        "{error:?}"
    );
    assert_eq!(host.memory_used(), 0, "no guest is left");
    // Once more is no error.
    assert!(host.shutdown(LONG).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hangs_or_computes_past_the_limit_is_ended() {
    let host = host().await;
    let sleeper = host.load(Guest::Sleeper.package()).await.unwrap();
    let computing = Guest::EndlessLoop
        .manifest()
        .replace("cpu_ms = 300", "cpu_ms = 60000")
        + "\n[subscribe]\n\"compute.v1.now\" = { handler = \"misbehave\" }\n";
    assert!(computing.contains("60000"), "{computing}");
    let endless = host
        .load(Guest::EndlessLoop.package_with(&computing))
        .await
        .unwrap();
    let invoke = |capsule: &astrid_host::Capsule| {
        let (host, capsule) = (host.clone(), capsule.clone());
        let call = call_by("alice", "misbehave", ());
        tokio::spawn(async move { host.invoke(&capsule, call).await })
    };
    let hung = invoke(&sleeper);
    let computes = invoke(&endless);
    let queued = invoke(&endless);
    let event = Event::json("compute.v1.now", &()).unwrap();
    let event = tokio::spawn({
        let host = host.clone();
        async move { host.dispatch(event.by(&id("bob"))).await }
    });
    // Three hold a guest, of 1 MiB and more each, and one waits.
    load::until(async || host.memory_used() >= 3 << 20 && endless.queued() >= 1).await;
    let began = Instant::now();
    assert!(!host.shutdown(Duration::from_millis(50)).await);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());

    // The sleeper was told, and ended itself; the other was ended.
    let verdict = hung.await.unwrap().map(|reply| reply.verdict);
    assert!(
        matches!(
            verdict,
            Ok(astrid_host::Verdict::Deny(_)) | Err(CallError::Unloaded { .. })
        ),
        "{verdict:?}"
    );
    let mut ends = vec![computes.await.unwrap(), queued.await.unwrap()];
    ends.sort_by_key(|end| format!("{end:?}").contains("called: true"));
    assert!(
        matches!(
            &ends[..],
            [
                Err(CallError::ShuttingDown { .. }),
                Err(CallError::Unloaded { called: true, .. })
            ]
        ),
        "{ends:?}"
    );
    let error = event.await.unwrap().unwrap_err();
    assert!(
        matches!(error, DispatchError::ShuttingDown { .. }),
        "{error:?}"
    );
    assert_eq!(host.memory_used(), 0, "no guest is left");
}
