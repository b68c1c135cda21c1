//! Run loops: they run beside the handlers of their capsule, are started again when they fail, and end with it.

use std::collections::BTreeSet;
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::capsule::{LoopState, Readiness};
use astrid_host::dispatch::Event;
use astrid_host::policy::topic::TopicPattern;
use astrid_host::{Capsule, Host};
use serde_json::{Value, json};

use crate::common::{ask, host, id, loaded};

const LONG: Duration = Duration::from_secs(60);

/// Asks the ticker how often it ticked.
pub(crate) async fn ticks(host: &Host, who: &str) -> Value {
    let topic = TopicPattern::parse("ticker.v1.count.response.*").unwrap();
    let answers = host.subscribe(&topic).unwrap();
    let question = json!({ "correlation_id": "c1", "body": null });
    let event = Event::json("ticker.v1.count", &question).unwrap();
    host.publish(event.by(&id(who))).await.unwrap();
    let answer = answers.next().await.unwrap();
    assert_eq!(answer.attribution.principal(), Some(&id(who)), "{answer:?}");
    serde_json::from_str(answer.payload.as_str()).unwrap()
}

/// Waits until the loop is in a state.
pub(crate) async fn until(capsule: &Capsule, wanted: impl Fn(&LoopState) -> bool) -> LoopState {
    loop {
        match capsule.run_loop() {
            Some(state) if wanted(&state) => return state,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
pub(crate) async fn a_run_loop_answers_beside_its_handlers() {
    let (host, capsule) = loaded(Guest::Ticker).await;
    assert_eq!(capsule.wait_ready(LONG).await, Readiness::Ready);
    assert!(capsule.is_ready());
    for who in ["alice", "bob", "alice"] {
        assert_eq!(ticks(&host, who).await["correlation_id"], "c1");
    }
    assert_eq!(capsule.run_loop(), Some(LoopState::Running));
}

#[tokio::test]
pub(crate) async fn many_loops_hear_one_event() {
    let host = host().await;
    let manifest = Guest::Listener.manifest();
    let mut sessions = BTreeSet::new();
    for number in 0..100 {
        let name = format!("name = \"listener-{number}\"");
        let manifest = manifest.replace("name = \"listener\"", &name);
        let package = Guest::Listener.package_with(&manifest);
        let capsule = host.load(package).await.unwrap();
        assert_eq!(capsule.wait_ready(LONG).await, Readiness::Ready);
        sessions.insert(capsule.session());
    }
    let topic = TopicPattern::parse("listener.v1.heard").unwrap();
    let heard = host.subscribe(&topic).unwrap();
    for who in ["default", "alice", "bob"] {
        let event = Event::json("listener.v1.ask", &()).unwrap();
        host.publish(event.by(&id(who))).await.unwrap();
        let mut answered = BTreeSet::new();
        for _ in &sessions {
            let answer = heard.next().await.unwrap();
            assert_eq!(answer.attribution.principal(), Some(&id(who)));
            answered.insert(answer.source);
        }
        assert_eq!(answered, sessions, "each answers {who}");
    }
}

#[tokio::test]
async fn a_run_loop_ends_with_its_capsule() {
    let (host, capsule) = loaded(Guest::Ticker).await;
    assert_eq!(capsule.wait_ready(LONG).await, Readiness::Ready);
    host.unload(&capsule);
    until(&capsule, |state| *state == LoopState::Ended).await;
    let again = host.load(Guest::Ticker.package()).await.unwrap();
    assert_eq!(again.wait_ready(LONG).await, Readiness::Ready);
    assert!(ticks(&host, "alice").await["body"].is_number());
}

#[tokio::test]
pub(crate) async fn what_is_no_loop_is_found_out_once() {
    let home = astrid_host::Home::ephemeral().unwrap();
    let begin = || Host::builder().home(home.clone()).build();
    let host = begin().await.unwrap();
    let capsule = host.load(Guest::NoLoop.package()).await.unwrap();
    assert!(capsule.has_run_loop(), "{:?}", capsule.binary());
    assert_eq!(capsule.wait_ready(LONG).await, Readiness::Ready);
    assert_eq!((capsule.run_loop(), capsule.restarts()), (None, 0));
    // Known from now on: to the next load, and to the next host.
    for host in [host, begin().await.unwrap()] {
        host.capsules()
            .iter()
            .for_each(|capsule| host.unload(capsule));
        let again = host.load(Guest::NoLoop.package()).await.unwrap();
        assert!(!again.has_run_loop(), "{:?}", again.binary());
        host.unload(&again);
        // Its manifest has the last word.
        let says_so = Guest::NoLoop.manifest() + "\n[runtime]\nrun = true\n";
        let package = Guest::NoLoop.package_with(&says_so);
        assert!(host.load(package).await.unwrap().has_run_loop());
    }
}

#[tokio::test]
async fn a_capsule_without_a_run_loop_is_ready() {
    let (_host, capsule) = loaded(Guest::Noop).await;
    assert_eq!(capsule.wait_ready(LONG).await, Readiness::Ready);
    assert_eq!(capsule.run_loop(), None);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_loop_that_fails_is_started_again_so_often() {
    let (host, capsule) = loaded(Guest::FailingLoop).await;
    let Readiness::Crashed { reason } = capsule.wait_ready(LONG).await else {
        panic!("it was never ready")
    };
    assert!(reason.contains("on purpose"), "{reason}");
    let mut seen = Vec::new();
    let failed = loop {
        match capsule.run_loop() {
            Some(LoopState::Restarting { restarts, .. }) => seen.push(restarts),
            Some(failed @ LoopState::Failed { .. }) => break failed,
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    seen.dedup();
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    assert!(matches!(failed, LoopState::Failed { reason } if reason.contains("on purpose")));
    // Its handlers are none the worse.
    ask(&host, &capsule, "behave", ()).await.unwrap();
}

#[tokio::test]
pub(crate) async fn a_loop_that_does_not_wait_is_stopped() {
    let (host, capsule) = loaded(Guest::SpinningLoop).await;
    // It is ready, and stopped soon after: whichever is seen first.
    assert_ne!(capsule.wait_ready(LONG).await, Readiness::Timeout);
    // While it spins, and after.
    ask(&host, &capsule, "behave", ()).await.unwrap();
    let stopped = until(&capsule, |state| {
        matches!(state, LoopState::Restarting { .. })
    })
    .await;
    assert!(!capsule.is_ready(), "it was, until it was stopped");
    let LoopState::Restarting { reason, .. } = stopped else {
        unreachable!("waited for")
    };
    assert!(reason.contains("100ms"), "{reason}");
    ask(&host, &capsule, "behave", ()).await.unwrap();
}
