//! What the operator says of a principal, and when it holds.

use std::collections::BTreeSet;
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::principal::{ProfileChange, ProfileLimit};
use astrid_host::storage::kv::{KeysError, KvError};
use astrid_host::{Capsule, Host, InstanceState};

use crate::common::{call_by, id, loaded};

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
