//! Run loops: they run beside the handlers of their capsule, are started again when they fail, and end with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::bus::{Attribution, Payload};
use astrid_host::capsule::{LoopState, Readiness};
use astrid_host::dispatch::Event;
use astrid_host::manifest::CapsuleName;
use astrid_host::topic::{Topic, TopicPattern};
use astrid_host::{Capsule, Host};
use serde_json::{Value, json};

use crate::common::{Lines, Sink, ask, builder, configured, host, id, loaded, with_people};

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
    let seen = async {
        loop {
            match capsule.run_loop() {
                Some(state) if wanted(&state) => return state,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let state = tokio::time::timeout(LONG, seen).await;
    state.unwrap_or_else(|_| panic!("it is still {:?}", capsule.run_loop()))
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

/// Each way to load a capsule answers when its loop hears what is published.
#[tokio::test]
async fn what_is_published_right_after_a_load_is_heard() {
    let host = host().await;
    let topic = TopicPattern::parse("listener.v1.heard").unwrap();
    let heard = host.subscribe(&topic).unwrap();
    let hears = async || {
        let event = Event::json("listener.v1.ask", &()).unwrap();
        host.publish(event.by(&id("alice"))).await.unwrap();
        let answer = tokio::time::timeout(LONG, heard.next()).await;
        answer.expect("it was not heard").unwrap();
    };
    let capsule = host.load(Guest::Listener.package()).await.unwrap();
    assert_eq!(capsule.readiness(), Readiness::Ready);
    hears().await;
    host.unload(&capsule);

    let alone = host.home().lock_exclusive().unwrap();
    let package = Guest::Listener.package();
    host.install(&alone, package, "a test", &id("default"))
        .await
        .unwrap();
    let name = CapsuleName::parse("listener").unwrap();
    host.load_installed(&name).await.unwrap();
    hears().await;
    host.reload(&name, LONG).await.unwrap();
    hears().await;
    host.retire(&host.capsules()[0], LONG).await;
    host.load_all_installed(LONG).await.unwrap();
    hears().await;
}

#[tokio::test]
pub(crate) async fn a_loop_that_never_says_so_is_ready_once_it_waits() {
    let host = builder().ready_within(LONG).build().await.unwrap();
    let quiet = host.load(Guest::Quiet.package()).await.unwrap();
    assert_eq!(quiet.readiness(), Readiness::Ready);
}

#[tokio::test]
async fn a_load_waits_no_longer_for_its_loop_than_it_may() {
    let builder = configured("[engine]\nrun_loops = 1\n").ready_within(Duration::from_millis(1));
    let host = builder.build().await.unwrap();
    let ticker = host.load(Guest::Ticker.package()).await.unwrap();
    assert_eq!(ticker.wait_ready(LONG).await, Readiness::Ready);
    // There is room for one loop, and it is taken.
    let listener = host.load(Guest::Listener.package()).await.unwrap();
    assert_eq!(listener.readiness(), Readiness::Timeout);
    assert_eq!(listener.run_loop(), Some(LoopState::Starting));
    host.unload(&ticker);
    assert_eq!(listener.wait_ready(LONG).await, Readiness::Ready);
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

#[tokio::test]
async fn a_message_for_whom_nobody_can_act_never_reaches_a_run_loop() {
    let lines = Arc::<Lines>::default();
    let sink = Arc::new(Sink(Arc::clone(&lines)));
    let host = with_people(builder().log_sink(sink)).await;
    for name in ["carol", "dave"] {
        host.principals().add(&id(name)).unwrap();
    }
    let listener = host.load(Guest::Listener.package()).await.unwrap();
    assert_eq!(listener.wait_ready(LONG).await, Readiness::Ready);
    let heard = TopicPattern::parse("listener.v1.heard").unwrap();
    let heard = host.subscribe(&heard).unwrap();

    host.principals().disable(&id("bob")).unwrap();
    let home = host.home();
    std::fs::write(home.profiles_dir().join("carol.toml"), "enabled = ").unwrap();
    let overlay = home
        .principal_dir(&id("dave"))
        .join("env/listener.env.json");
    std::fs::write(overlay, "{").unwrap();

    let uplink = host.load(Guest::Claimer.package()).await.unwrap().session();
    let event = |who: &str| Event::json("listener.v1.ask", &()).unwrap().by(&id(who));
    let claim = |who: &str| {
        let topic = Topic::parse("listener.v1.ask").unwrap();
        Event::claimed(topic, Payload::json(&()).unwrap(), id(who), uplink)
    };
    let nobody = ["nobody", "bob", "carol", "dave"];
    for who in nobody {
        host.publish(event(who)).await.unwrap();
        host.publish(claim(who)).await.unwrap();
    }
    // They come in order: whatever came of those before came first.
    host.publish(claim("alice")).await.unwrap();
    host.publish(event("alice")).await.unwrap();
    let by = [
        Attribution::Claimed {
            principal: id("alice"),
            by: uplink,
        },
        Attribution::Verified(id("alice")),
    ];
    for attribution in by {
        let answer = heard.next().await.unwrap();
        assert_eq!(answer.attribution, attribution, "a claim stays one");
    }
    assert_eq!(listener.undelivered(), 2 * nobody.len() as u64);
    let told = lines.all().remove(0);
    assert_eq!(told.1, "default", "whose loop it is");
    assert!(
        told.3.contains("not delivered to the run loop: 1;"),
        "{told:?}"
    );
    assert!(told.3.contains("there is no principal nobody"), "{told:?}");
}

#[tokio::test]
async fn a_run_loop_is_paused_while_its_owner_is_disabled() {
    let (host, ticker) = loaded(Guest::Ticker).await;
    assert_eq!(ticker.wait_ready(LONG).await, Readiness::Ready);
    let owner = id("default");
    for _ in 0..2 {
        host.principals().disable(&owner).unwrap();
        let paused = until(&ticker, |state| matches!(state, LoopState::Paused { .. })).await;
        let LoopState::Paused { reason } = paused else {
            unreachable!("waited for")
        };
        assert_eq!(reason, "principal default is disabled");
        assert!(!ticker.is_ready());
        let crashed = Readiness::Crashed { reason };
        assert_eq!(ticker.wait_ready(LONG).await, crashed);
        // Others' changes leave it so.
        host.principals().disable(&id("bob")).unwrap();
        host.principals().enable(&id("bob")).unwrap();

        host.principals().enable(&owner).unwrap();
        until(&ticker, |state| *state == LoopState::Running).await;
        assert_eq!(ticker.wait_ready(LONG).await, Readiness::Ready);
        assert!(ticks(&host, "alice").await["body"].is_number());
    }
    assert_eq!(ticker.restarts(), 0, "it never failed");
    host.principals().disable(&owner).unwrap();
    host.unload(&ticker);
    until(&ticker, |state| *state == LoopState::Ended).await;
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

/// Its own error is told as one, and a denial with what was denied and the line to add.
#[tokio::test]
pub(crate) async fn a_loop_that_returns_an_error_is_told_with_its_text() {
    let lines = Arc::new(Lines::default());
    let builder = builder().log_sink(Arc::new(Sink(Arc::clone(&lines))));
    let host = with_people(builder).await;
    let manifest = Guest::Listener.manifest();
    let (manifest, _) = manifest.split_once("[subscribe]").unwrap();
    let package = Guest::Listener.package_with(manifest);
    let capsule = host.load(package).await.unwrap();
    let Readiness::Crashed { reason } = capsule.wait_ready(LONG).await else {
        panic!("it was never ready")
    };
    let denied = "subscribing to `listener.v1.ask` is denied: add to [subscribe] in Capsule.toml: \"listener.v1.ask\"";
    let told = format!("capsule listener ended with an error: {denied}");
    assert!(reason.starts_with(&told), "{reason}");
    // The contract has a word for a denial, and no text: a guest of another SDK finds it in its log.
    let [denial, last_words] = &lines.messages()[..2] else {
        panic!("{:?}", lines.messages())
    };
    assert_eq!(
        denial,
        "`astrid:ipc/host.subscribe` is denied: \"listener.v1.ask\" is not listed; add to [subscribe] in Capsule.toml: \"listener.v1.ask\" = {}"
    );
    assert!(last_words.starts_with("capsule error at "), "{last_words}");
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
