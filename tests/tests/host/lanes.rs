//! Who waits for whom, and what becomes of a call that its caller gives up.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use astrid_e2e::guests::Guest;
use astrid_host::engine::Allocation;
use astrid_host::{CallError, Capsule, Host};

use crate::common::{
    ALLOCATIONS, Lines, Sink, ask, builder, call_by, fresh, id, loaded, said, with_people,
};

/// A host, a capsule that can fall asleep, and what it says.
async fn sleeper() -> (Host, Capsule, Arc<Lines>) {
    sleeper_in(Allocation::OnDemand).await
}

async fn sleeper_in(allocation: Allocation) -> (Host, Capsule, Arc<Lines>) {
    let lines = Arc::<Lines>::default();
    let sink = Arc::new(Sink(Arc::clone(&lines)));
    let host = with_people(builder().allocation(allocation).log_sink(sink)).await;
    let capsule = host.load(Guest::Sleeper.package()).await.unwrap();
    (host, capsule, lines)
}

/// Polls a call until its guest says that it sleeps.
async fn fall_asleep(call: Pin<&mut impl Future>, lines: &Lines) {
    tokio::select! {
        biased;
        _ = call => panic!("it sleeps for ever"),
        () = lines.have(1) => {}
    }
}

/// Whether a future is still waiting after one look at it.
async fn waits(mut future: Pin<&mut impl Future>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
pub(crate) async fn a_dropped_call_frees_its_lane() {
    for allocation in ALLOCATIONS {
        let (host, capsule, lines) = sleeper_in(allocation).await;
        ask(&host, &capsule, "behave", ()).await.unwrap();
        let mut first = Box::pin(ask(&host, &capsule, "misbehave", ()));
        fall_asleep(first.as_mut(), &lines).await;
        drop(first);
        assert_eq!(host.memory_used(), 0, "the sleeper's instance is gone");
        let next = ask(&host, &capsule, "behave", ()).await.unwrap();
        assert_eq!(fresh([&next]), [true]);
        assert_eq!(host.capsules().len(), 1);
    }
}

#[tokio::test]
async fn calls_of_one_principal_wait_for_each_other_and_for_nobody_else() {
    let (host, capsule, lines) = sleeper().await;
    let mut first = Box::pin(host.invoke(&capsule, call_by("alice", "misbehave", ())));
    fall_asleep(first.as_mut(), &lines).await;

    let mut second = Box::pin(host.invoke(&capsule, call_by("alice", "behave", ())));
    assert!(waits(second.as_mut()).await);
    let other = host.invoke(&capsule, call_by("bob", "behave", ())).await;
    assert_eq!(said(&other.unwrap()).0, "continue");
    assert!(waits(second.as_mut()).await, "its lane is still taken");

    drop(first);
    assert_eq!(said(&second.await.unwrap()).0, "continue");
}

#[tokio::test]
async fn who_is_disabled_while_a_call_waits_is_not_called_for() {
    let (host, capsule, lines) = sleeper().await;
    let mut first = Box::pin(host.invoke(&capsule, call_by("alice", "misbehave", ())));
    fall_asleep(first.as_mut(), &lines).await;
    let mut second = Box::pin(host.invoke(&capsule, call_by("alice", "behave", ())));
    assert!(waits(second.as_mut()).await);
    host.principals().disable(&id("alice")).unwrap();
    drop(first);
    assert_eq!(second.await.unwrap_err().kind(), "disabled");
}

#[tokio::test]
async fn a_lane_serves_in_the_order_of_arrival() {
    let (host, capsule, lines) = sleeper().await;
    let mut asleep = Box::pin(ask(&host, &capsule, "misbehave", ()));
    fall_asleep(asleep.as_mut(), &lines).await;
    let order = RefCell::new(Vec::new());
    let turn = async |number| {
        ask(&host, &capsule, "behave", ()).await.unwrap();
        order.borrow_mut().push(number);
    };
    let [mut first, mut second, mut third] = [1, 2, 3].map(|number| Box::pin(turn(number)));
    for call in [&mut first, &mut second, &mut third] {
        assert!(waits(call.as_mut()).await);
    }
    drop(asleep);
    // Whoever is looked at first.
    tokio::join!(third, second, first);
    assert_eq!(order.into_inner(), [1, 2, 3]);
}

#[tokio::test]
async fn unloading_ends_what_a_guest_is_blocked_in() {
    let (host, capsule, lines) = sleeper().await;
    let mut asleep = Box::pin(ask(&host, &capsule, "misbehave", ()));
    fall_asleep(asleep.as_mut(), &lines).await;
    host.unload(&capsule);
    let (word, reason) = said(&asleep.await.unwrap());
    assert_eq!(word, "deny");
    assert!(reason.as_str().unwrap().contains("unloaded"), "{reason}");
}

#[tokio::test]
async fn one_slot_serves_everybody_in_turn() {
    let slots = Allocation::Pooled { instances: 1 };
    let host = with_people(builder().allocation(slots)).await;
    let capsule = host.load(Guest::Sleeper.package()).await.unwrap();
    for _ in 0..3 {
        // None of them waits for ever: who is idle makes room, also when it becomes idle while another waits.
        let calls = ["alice", "bob", "default"].map(|who| call_by(who, "nap", ()));
        let [alice, bob, default] = calls.map(|call| host.invoke(&capsule, call));
        let (alice, bob, default) = tokio::join!(alice, bob, default);
        for reply in [alice, bob, default] {
            assert_eq!(said(&reply.unwrap()).0, "continue");
        }
    }
}

#[tokio::test]
async fn an_unloaded_capsule_answers_nobody() {
    let (host, capsule) = loaded(Guest::Sleeper).await;
    ask(&host, &capsule, "behave", ()).await.unwrap();
    host.unload(&capsule);
    for who in ["default", "alice"] {
        let error = host
            .invoke(&capsule, call_by(who, "behave", ()))
            .await
            .unwrap_err();
        assert!(
            matches!(error, CallError::Unloaded { .. }),
            "{who}: {error}"
        );
    }
    assert_eq!(host.memory_used(), 0, "nothing of it is left");
}
