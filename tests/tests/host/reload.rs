//! Loads that take the place of others: what is queued meanwhile is answered, what runs is let run or ended, and a load
//! that can't be had changes nothing.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::capsule::{LoopState, Readiness};
use astrid_host::dispatch::{Conclusion, Event, Outcome, Said};
use astrid_host::manifest::CapsuleName;
use astrid_host::policy::contract::Interface;
use astrid_host::wasmtime;
use astrid_host::{CallError, Capsule, Domain, DomainLinker, Host, InstanceState, Package, View};
use tokio::sync::Semaphore;

use crate::common::{ask, builder, call_by, id, said, with_people};
use crate::domains::{INSTANCE, OPEN_TO_ALL, denied};
use crate::load;
use crate::loops::{ticks, until};

const LONG: Duration = Duration::from_secs(60);

/// `charge(n)` says that it was reached, and answers `n` when it is let go; `charge(0)` at once. Some numbers do
/// something with the host first.
#[derive(Clone)]
struct Door {
    reached: Arc<Semaphore>,
    go: Arc<Semaphore>,
    first: Arc<OnceLock<Act>>,
}

type Act = Box<dyn Fn(u32) + Send + Sync>;

impl Door {
    fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self {
            reached: closed(),
            go: closed(),
            first: Arc::default(),
        }
    }

    /// Waits until so many calls are behind it.
    async fn reached(&self, calls: u32) {
        self.reached.acquire_many(calls).await.unwrap().forget();
    }
}

impl Domain for Door {
    type Config = ();
    type Load = ();
    type Scope = ();
    type Instance = ();

    const INTERFACES: &'static [Interface] = OPEN_TO_ALL;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        let door = self.clone();
        linker.func_wrap_async(
            INSTANCE,
            "charge",
            denied,
            move |_: View<'_, Self>, (number,): (u32,)| {
                let door = door.clone();
                Box::pin(async move {
                    if let Some(act) = door.first.get() {
                        act(number);
                    }
                    if number > 0 {
                        door.reached.add_permits(1);
                        door.go.acquire().await?.forget();
                    }
                    Ok((Ok::<_, String>(number),))
                })
            },
        )
    }
}

/// The guest behind the door, bound to a topic.
fn package() -> Package {
    let manifest =
        Guest::Billing.manifest() + "\n[subscribe]\n\"door.v1.knock\" = { handler = \"charge\" }\n";
    Guest::Billing.package_with(&manifest)
}

fn name(guest: Guest) -> CapsuleName {
    CapsuleName::parse(guest.name()).unwrap()
}

async fn install(host: &Host, package: Package) {
    let alone = host.home().lock_exclusive().unwrap();
    let owner = id("default");
    host.install(&alone, package, "a test", &owner)
        .await
        .unwrap();
}

/// A host with the guest behind the door, installed and loaded.
async fn with_door() -> (Host, Capsule, Door) {
    let door = Door::new();
    let host = with_people(builder().domain(door.clone())).await;
    install(&host, package()).await;
    let capsule = host.load_installed(&name(Guest::Billing)).await.unwrap();
    (host, capsule, door)
}

fn knock(number: u32) -> Event {
    let event = Event::json("door.v1.knock", &number).unwrap();
    event.by(&id("alice"))
}

fn answered(outcome: &Outcome) -> &str {
    assert_eq!(outcome.verdict, Conclusion::Final, "{outcome:?}");
    outcome.answer.as_deref().unwrap()
}

async fn others_until_reloaded(host: Host, old: Capsule) {
    let session = |host: &Host| host.capsule(old.name()).unwrap().session();
    while session(&host) == old.session() {
        let event = Event::json("door.v1.knock", &0).unwrap();
        let outcome = host.dispatch(event.by(&id("bob"))).await.unwrap();
        assert_eq!(answered(&outcome), "0");
    }
}

#[tokio::test]
async fn what_is_queued_meanwhile_is_answered_by_the_new_load() {
    let (host, old, door) = with_door().await;
    let (one, two) = (host.clone(), host.clone());
    let running = tokio::spawn(async move { one.dispatch(knock(1)).await });
    door.reached(1).await;
    let events = [0, 1, 2].map(|n| {
        let host = host.clone();
        tokio::spawn(async move { host.dispatch(knock(n)).await })
    });
    let handle = old.clone();
    let direct = tokio::spawn(async move {
        let call = call_by("alice", "charge", 0);
        two.invoke(&handle, call).await
    });
    load::until(async || old.queued() >= 4).await;
    let reload = host.reload(old.name(), LONG);
    // Somebody else's event is answered at once, until nobody new is let in.
    let others = tokio::spawn(others_until_reloaded(host.clone(), old.clone()));
    load::until(async || old.queued() >= 5).await;
    door.go.add_permits(1);
    let new = reload.await.unwrap();
    others.await.unwrap();
    assert_ne!(new.session(), old.session());
    assert_eq!(answered(&running.await.unwrap().unwrap()), "1");

    door.go.add_permits(2);
    for (n, event) in events.into_iter().enumerate() {
        let outcome = event.await.unwrap().unwrap();
        assert_eq!(answered(&outcome), n.to_string());
        assert!(
            outcome.steps.iter().all(|step| step.said == Said::Final),
            "{outcome:?}"
        );
    }
    assert_eq!(said(&direct.await.unwrap().unwrap()).0, "final");
    // A handle of the old load calls the new one.
    let reply = host.invoke(&old, call_by("default", "charge", 0)).await;
    assert_eq!(reply.unwrap().instance, InstanceState::Fresh);
    let reply = host.invoke(&new, call_by("default", "charge", 0)).await;
    assert_eq!(reply.unwrap().instance, InstanceState::Reused);
    assert_eq!(host.capsules().len(), 1);
}

#[tokio::test]
async fn a_call_that_goes_on_past_the_limit_is_ended() {
    let (host, old, door) = with_door().await;
    let calling = (host.clone(), old.clone());
    let hung = tokio::spawn(async move {
        let (host, capsule) = calling;
        let call = call_by("alice", "charge", 1);
        host.invoke(&capsule, call).await
    });
    door.reached(1).await;
    host.reload(old.name(), Duration::ZERO).await.unwrap();
    let error = hung.await.unwrap().unwrap_err();
    assert!(
        matches!(error, CallError::Unloaded { called: true, .. }),
        "{error:?}"
    );
    // It didn't fail, and its turn is free.
    assert_eq!(answered(&host.dispatch(knock(0)).await.unwrap()), "0");
}

#[tokio::test]
async fn a_load_that_can_not_be_had_changes_nothing() {
    let (host, old, _door) = with_door().await;
    let binary = host.home().binary(old.hash().as_str());
    let bytes = std::fs::read(&binary).unwrap();
    std::fs::write(&binary, &bytes[1..]).unwrap();
    let error = host.reload(old.name(), LONG).await.unwrap_err();
    assert_eq!(error.kind(), "integrity", "{error}");
    assert_eq!(answered(&host.dispatch(knock(0)).await.unwrap()), "0");
    assert_eq!(
        host.capsule(old.name()).unwrap().session(),
        old.session(),
        "the old load goes on"
    );
    let missing = CapsuleName::parse("nobody").unwrap();
    let error = host.reload(&missing, LONG).await.unwrap_err();
    assert_eq!(error.kind(), "not-found", "{error}");
}

#[tokio::test]
async fn asked_for_from_within_a_call_it_happens_after_it() {
    for retire in [false, true] {
        let (host, old, door) = with_door().await;
        let within = host.downgrade();
        let act = move |number| {
            let host = within.upgrade().unwrap();
            let capsule = host.capsule(&name(Guest::Billing)).unwrap();
            match number {
                1 if retire => drop(host.retire(&capsule, LONG)),
                1 => drop(host.reload(capsule.name(), LONG)),
                _ => {}
            }
        };
        assert!(door.first.set(Box::new(act)).is_ok());
        let lifecycle = "astrid.v1.lifecycle.*".parse().unwrap();
        let told = host.subscribe(&lifecycle).unwrap();
        let one = host.clone();
        let running = tokio::spawn(async move { one.dispatch(knock(1)).await });
        door.reached(1).await;
        assert_eq!(host.capsule(old.name()).unwrap().session(), old.session());
        door.go.add_permits(1);
        assert_eq!(answered(&running.await.unwrap().unwrap()), "1");
        let topic = told.next().await.unwrap().topic.to_string();
        if retire {
            assert_eq!(topic, "astrid.v1.lifecycle.capsule_unloaded");
            assert!(host.capsules().is_empty());
        } else {
            assert_eq!(topic, "astrid.v1.lifecycle.capsule_reloaded");
            assert_ne!(host.capsule(old.name()).unwrap().session(), old.session());
        }
    }
}

#[tokio::test]
async fn a_run_loop_is_followed_by_the_new_ones() {
    let host = with_people(builder()).await;
    install(&host, Guest::Ticker.package()).await;
    let name = name(Guest::Ticker);
    // What wasn't loaded is loaded.
    let mut before = host.reload(&name, LONG).await.unwrap();
    assert_eq!(before.wait_ready(LONG).await, Readiness::Ready);
    for _ in 0..3 {
        let after = host.reload(&name, LONG).await.unwrap();
        assert_eq!(after.wait_ready(LONG).await, Readiness::Ready);
        // It began when the one before had ended.
        assert_eq!(before.run_loop(), Some(LoopState::Ended));
        assert!(ticks(&host, "alice").await["body"].is_number());
        before = after;
    }
    let alone = host.home().lock_exclusive().unwrap();
    host.remove(&alone, &name, LONG).await.unwrap();
    assert!(host.capsules().is_empty());
    until(&before, |state| *state == LoopState::Ended).await;
    let error = host.remove(&alone, &name, LONG).await.unwrap_err();
    assert_eq!(error.kind(), "not-found", "{error}");
}

#[tokio::test]
async fn loads_that_follow_each_other_at_once_have_one_loop_at_a_time() {
    let host = with_people(builder()).await;
    install(&host, Guest::Ticker.package()).await;
    let name = name(Guest::Ticker);
    let reloads = [(); 4].map(|()| host.reload(&name, LONG));
    let mut loads = Vec::new();
    for reload in reloads {
        loads.push(reload.await.unwrap());
    }
    let last = loads.pop().unwrap();
    assert_eq!(last.wait_ready(LONG).await, Readiness::Ready);
    for before in &loads {
        assert_eq!(before.run_loop(), Some(LoopState::Ended));
    }
    // Unloaded and loaded again, the old loop has its second all the same.
    host.unload(&last);
    let next = host.load(Guest::Ticker.package()).await.unwrap();
    assert_eq!(next.wait_ready(LONG).await, Readiness::Ready);
    assert_eq!(last.run_loop(), Some(LoopState::Ended));
    let removed = host.home().lock_exclusive().unwrap();
    let (reload, remove) = (host.reload(&name, LONG), host.remove(&removed, &name, LONG));
    remove.await.unwrap();
    reload.await.unwrap();
    assert!(host.capsules().is_empty(), "what was removed stays removed");
}

#[tokio::test]
async fn who_waits_for_room_when_a_capsule_is_unloaded_is_not_called() {
    let door = Door::new();
    let slots = astrid_host::engine::Allocation::Pooled { instances: 1 };
    let host = with_people(builder().allocation(slots).domain(door.clone())).await;
    install(&host, package()).await;
    let capsule = host.load_installed(&name(Guest::Billing)).await.unwrap();
    let invoke = |who: &'static str, number: u32| {
        let (host, capsule) = (host.clone(), capsule.clone());
        let call = call_by(who, "charge", number);
        tokio::spawn(async move { host.invoke(&capsule, call).await })
    };
    let hung = invoke("alice", 1);
    door.reached(1).await;
    // They have turns, each in a lane of its own, and wait for the one instance that there may be.
    let waiting = [invoke("bob", 1), invoke("default", 1)];
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    host.unload(&capsule);
    for call in waiting {
        let error = call.await.unwrap().unwrap_err();
        assert!(
            matches!(error, CallError::Unloaded { called: false, .. }),
            "{error:?}"
        );
    }
    assert!(hung.await.unwrap().is_err());
    assert_eq!(door.reached.available_permits(), 0, "nobody else came by");
}

#[tokio::test]
async fn a_guard_whose_uplink_is_taken_denies_all_the_same() {
    let host = with_people(builder().domain(Door::new())).await;
    let uplink = "\n[[uplink]]\nname = \"tty\"\nplatform = \"terminal\"\nprofile = \"chat\"\n";
    let other = Guest::Noop.manifest() + uplink;
    let other = host.load(Guest::Noop.package_with(&other)).await.unwrap();
    let guard = Guest::Billing.manifest()
        + "\n[subscribe]\n\"door.v1.knock\" = { handler = \"charge\", on_error = \"deny\" }\n"
        + uplink;
    install(&host, Guest::Billing.package_with(&guard)).await;
    let error = host
        .load_installed(&name(Guest::Billing))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "loaded");
    assert!(error.to_string().contains("tty"), "{error}");
    let outcome = host.dispatch(knock(0)).await.unwrap();
    assert_eq!(outcome.verdict, Conclusion::Deny, "{outcome:?}");
    host.unload(&other);
    host.load_installed(&name(Guest::Billing)).await.unwrap();
    assert_eq!(answered(&host.dispatch(knock(0)).await.unwrap()), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_times_under_load_nothing_is_lost() {
    const RELOADS: usize = 100;
    let (host, capsule, _door) = with_door().await;
    let over = Arc::new(Mutex::new(false));
    let publishers = ["alice", "alice", "bob", "default"].map(|who| {
        let (host, capsule, over) = (host.clone(), capsule.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            let mut events = 0;
            while !*over.lock().unwrap() {
                let event = Event::json("door.v1.knock", &0).unwrap();
                let outcome = host.dispatch(event.by(&id(who))).await.unwrap();
                assert_eq!(answered(&outcome), "0");
                let reply = host.invoke(&capsule, call_by(who, "charge", 0)).await;
                assert_eq!(said(&reply.unwrap()).0, "final");
                events += 1;
            }
            events
        })
    });
    for _ in 0..RELOADS {
        host.reload(capsule.name(), LONG).await.unwrap();
    }
    *over.lock().unwrap() = true;
    for publisher in publishers {
        assert!(publisher.await.unwrap() > 0);
    }
    assert!(host.drain(LONG).await);
}

#[tokio::test]
async fn removing_answers_what_is_queued_as_its_manifest_says() {
    let (host, capsule, door) = with_door().await;
    let [running, queued] = [1, 0].map(|n| {
        let host = host.clone();
        tokio::spawn(async move { host.dispatch(knock(n)).await })
    });
    door.reached(1).await;
    load::until(async || capsule.queued() >= 1).await;
    let alone = host.home().lock_exclusive().unwrap();
    let name = capsule.name();
    host.remove(&alone, name, Duration::ZERO).await.unwrap();
    for event in [running, queued] {
        let outcome = event.await.unwrap().unwrap();
        // `on_error` is `continue`.
        assert_eq!(outcome.verdict, Conclusion::Continue);
        let Said::Failed(failure) = &outcome.steps[0].said else {
            panic!("{outcome:?}")
        };
        assert_eq!(failure.kind, "unloaded");
    }
    let error = ask(&host, &capsule, "charge", 0).await.unwrap_err();
    assert!(
        matches!(error, CallError::Unloaded { called: false, .. }),
        "{error:?}"
    );
}
