//! What the operator says of a principal, and when it holds.

use std::collections::BTreeSet;
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::bus::Subscription;
use astrid_host::principal::{PrincipalLimits, PrincipalProfile, ProfileChange, ProfileLimit};
use astrid_host::storage::kv::{KeysError, KvError};
use astrid_host::{Capsule, Host, InstanceState};
use serde_json::{Value, json};

use crate::common::{builder, call_by, id, loaded, said, with_people};

/// How a call for a principal ends: with an instance, or the word of an error.
async fn called(host: &Host, noop: &Capsule, principal: &str) -> Result<InstanceState, String> {
    let reply = host.invoke(noop, call_by(principal, "noop", ())).await;
    let reply = reply.map_err(|error| error.kind().to_string())?;
    Ok(reply.instance)
}

/// Waits until calls for alice end so.
async fn until(host: &Host, noop: &Capsule, wanted: Result<InstanceState, &str>) {
    let soon = async {
        while called(host, noop, "alice").await != wanted.map_err(str::to_owned) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), soon).await;
    waited.unwrap_or_else(|_| panic!("calls never end with {wanted:?}"));
}

fn only(capsules: &[&str]) -> ProfileChange {
    let capsules = capsules.iter().map(|name| name.parse().unwrap());
    ProfileChange {
        capsules: Some(Some(capsules.collect::<BTreeSet<_>>())),
        ..ProfileChange::default()
    }
}

fn limit(limit: ProfileLimit, amount: Option<u64>) -> ProfileChange {
    ProfileChange {
        limits: vec![(limit, amount)],
        ..ProfileChange::default()
    }
}

#[tokio::test]
async fn what_a_command_says_holds_at_the_next_call() {
    let (host, noop) = loaded(Guest::Noop).await;
    let change = |change: ProfileChange| host.principals().change(&id("alice"), &change).unwrap();
    let by = async |principal| called(&host, &noop, principal).await;
    assert_eq!(by("alice").await, Ok(InstanceState::Fresh));
    assert_eq!(by("bob").await, Ok(InstanceState::Fresh));

    change(only(&["another"]));
    assert_eq!(by("alice").await, Err("policy".into()));
    assert_eq!(by("bob").await, Ok(InstanceState::Reused), "it is alone");
    change(only(&["another", "noop"]));
    // Its instance waited for it.
    assert_eq!(by("alice").await, Ok(InstanceState::Reused));

    let sleeper = host.load(Guest::Sleeper.package()).await.unwrap();
    change(ProfileChange {
        capsules: Some(None),
        ..limit(ProfileLimit::WallMs, Some(20))
    });
    let sleeps = host.invoke(&sleeper, call_by("alice", "misbehave", ()));
    assert_eq!(sleeps.await.unwrap_err().kind(), "wall-timeout");
}

#[tokio::test]
async fn what_a_hand_says_holds_soon() {
    let (host, noop) = loaded(Guest::Noop).await;
    let profile = host.home().profiles_dir().join("alice.toml");
    assert!(called(&host, &noop, "alice").await.is_ok());
    std::fs::write(&profile, "capsules = []\n").unwrap();
    until(&host, &noop, Err("policy")).await;
    std::fs::write(&profile, "capsules = [\n").unwrap();
    until(&host, &noop, Err("principal")).await;
    let bob = called(&host, &noop, "bob").await;
    assert!(bob.is_ok(), "a damaged profile refuses its principal alone");
    std::fs::remove_file(&profile).unwrap();
    until(&host, &noop, Ok(InstanceState::Reused)).await;
}

#[tokio::test]
async fn storage_is_a_quota_of_all_capsules_together() {
    let (host, _noop) = loaded(Guest::Noop).await;
    let alice = id("alice");
    let change = limit(ProfileLimit::Storage, Some(10));
    host.principals().change(&alice, &change).unwrap();
    let keys = |capsule: &str| host.kv(&alice, &capsule.parse().unwrap()).unwrap();
    keys("one").set("k", b"12345".to_vec()).await.unwrap();
    let refused = keys("two").set("k", b"1234".to_vec()).await;
    let quota = KvError::PrincipalQuota {
        wanted: 11,
        limit: 10,
    };
    assert_eq!(refused, Err(KeysError::Kv(quota)));
    keys("two").set("k", b"123".to_vec()).await.unwrap();
    let bob = host.kv(&id("bob"), &"two".parse().unwrap()).unwrap();
    bob.set("k", vec![0; 1_000]).await.unwrap();
}

/// How many MiB a grower holds for a principal after it wanted so many more.
async fn grown(host: &Host, grower: &Capsule, principal: &str, mib: u64) -> u64 {
    let call = call_by(principal, "grow", json!({ "mib": mib }));
    let reply = host.invoke(grower, call).await.unwrap();
    said(&reply).1.as_u64().unwrap()
}

#[tokio::test]
async fn memory_is_that_of_all_instances_of_a_principal_together() {
    let (host, one) = loaded(Guest::Grower).await;
    let manifest = Guest::Grower
        .manifest()
        .replace("\"grower\"", "\"grower-2\"");
    let other = host
        .load(Guest::Grower.package_with(&manifest))
        .await
        .unwrap();
    let memory = limit(ProfileLimit::Memory, Some(64 << 20));
    host.principals().change(&id("alice"), &memory).unwrap();
    assert_eq!(grown(&host, &one, "alice", 30).await, 30);
    let account = host.principals().ledger().get(&id("alice")).unwrap();
    assert!(account.memory() >= 30 << 20);
    // What is idle goes first: for another capsule there is room, and the first one begins anew.
    assert_eq!(grown(&host, &other, "alice", 40).await, 40);
    assert!(account.memory() < 64 << 20 && account.memory_peak() >= 40 << 20);
    assert_eq!(grown(&host, &one, "alice", 1).await, 1);
    // No more than that alone, whatever the manifest allows; and nobody else has less for it.
    assert!(grown(&host, &one, "alice", 100).await < 64);
    assert!(grown(&host, &one, "bob", 50).await == 50);
    // With less than an instance takes, none is made, and it says why.
    let memory = limit(ProfileLimit::Memory, Some(1 << 20));
    host.principals().change(&id("alice"), &memory).unwrap();
    for _ in 0..10 {
        let call = call_by("alice", "grow", json!({ "mib": 1 }));
        let error = host.invoke(&one, call).await.unwrap_err();
        assert_eq!(error.kind(), "memory", "{error}");
        assert!(error.hint().unwrap().contains("memory"), "{error}");
    }
    // It is no failure of the capsule's, which is called again at once.
    let memory = limit(ProfileLimit::Memory, None);
    host.principals().change(&id("alice"), &memory).unwrap();
    assert_eq!(grown(&host, &one, "alice", 50).await, 50);
    host.unload(&one);
    host.unload(&other);
    assert!(host.shutdown(Duration::from_secs(60)).await);
    assert_eq!(account.memory(), 0);
}

/// Publishes, and tells how many messages were taken and how many arrived.
async fn flooded(host: &Host, flooder: &Capsule, heard: &Subscription, times: u64) -> (u64, usize) {
    let order = json!({ "topic": "flood.v1.x", "bytes": 1_000, "times": times });
    let call = call_by("alice", "flood", order);
    let report: Value = said(&host.invoke(flooder, call).await.unwrap()).1;
    let mut arrived = 0;
    while let Ok(batch) = heard.poll()
        && !batch.messages.is_empty()
    {
        arrived += batch.messages.len();
    }
    (report["accepted"].as_u64().unwrap(), arrived)
}

#[tokio::test]
async fn what_is_published_for_a_principal_is_limited_over_all_capsules() {
    let host = with_people(builder()).await;
    let manifest = |name: &str| {
        let manifest = Guest::Flooder.manifest();
        manifest.replace("\"flooder\"", &format!("{name:?}"))
    };
    let mut flooders = Vec::new();
    for name in ["flooder", "flooder-2"] {
        let package = Guest::Flooder.package_with(&manifest(name));
        flooders.push(host.load(package).await.unwrap());
    }
    let heard = host.subscribe(&"flood.v1.x".parse().unwrap()).unwrap();
    let publish = limit(ProfileLimit::PublishBytes, Some(100_000));
    host.principals().change(&id("alice"), &publish).unwrap();
    let (first, arrived) = flooded(&host, &flooders[0], &heard, 10_000).await;
    assert!((75..200).contains(&first), "{first} of 1,256 bytes");
    assert_eq!(arrived as u64, first);
    let (second, _) = flooded(&host, &flooders[1], &heard, 10_000).await;
    assert!(second < 75, "{second}: a second's worth was used up");
    let publish = limit(ProfileLimit::PublishBytes, None);
    host.principals().change(&id("alice"), &publish).unwrap();
    let (free, _) = flooded(&host, &flooders[1], &heard, 1_000).await;
    assert_eq!(free, 1_000);
}

#[tokio::test]
async fn a_program_may_give_a_profile() {
    let robot = id("robot");
    let profile = PrincipalProfile {
        limits: PrincipalLimits {
            storage: Some(10),
            ..PrincipalLimits::default()
        },
        ..PrincipalProfile::default()
    };
    let host = builder()
        .profile(robot.clone(), profile)
        .build()
        .await
        .unwrap();
    let notes = host.load(Guest::Noop.package()).await.unwrap();
    assert_eq!(
        called(&host, &notes, "robot").await,
        Ok(InstanceState::Fresh)
    );
    let keys = host.kv(&robot, notes.name()).unwrap();
    keys.set("k", b"123".to_vec()).await.unwrap();
    let full = keys.set("large", vec![0; 10]).await;
    assert!(matches!(
        full,
        Err(KeysError::Kv(KvError::PrincipalQuota { .. }))
    ));
    let change = host.principals().change(&robot, &only(&["noop"]));
    let error = change.unwrap_err().to_string();
    assert!(error.contains("given by the program"), "{error}");
    let huge = limit(ProfileLimit::Storage, Some(u64::MAX));
    let error = host.principals().change(&id("default"), &huge);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("storage = 18446744073709551615 is too large"),
        "{error}"
    );
}
