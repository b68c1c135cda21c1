//! Where instances come from, how many there are, and which go first.

use std::process::Command;

use astrid_e2e::guests::Guest;
use astrid_host::engine::Allocation;
use serde_json::json;

use crate::common::{ask, builder, call_by, configured, fresh, id, said, with_people};

#[tokio::test]
async fn an_instance_goes_after_as_many_calls_as_the_operator_says() {
    let host = with_people(configured("[engine]\ninstance_calls = 3\n")).await;
    let capsule = host.load(Guest::Noop.package()).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..7 {
        let reply = ask(&host, &capsule, "noop", ()).await.unwrap();
        seen.extend(fresh([&reply]));
    }
    assert_eq!(seen, [true, false, false, true, false, false, true]);
}

#[tokio::test]
async fn the_longest_idle_instance_makes_room() {
    let slots = Allocation::Pooled { instances: 2 };
    let host = with_people(builder().allocation(slots)).await;
    let capsule = host.load(Guest::Noop.package()).await.unwrap();
    let seen = async |who| {
        let call = call_by(who, "noop", ());
        let reply = host.invoke(&capsule, call).await.unwrap();
        fresh([&reply])[0]
    };
    assert!(seen("alice").await && seen("bob").await);
    assert!(!seen("alice").await, "both have room");
    assert!(seen("default").await, "bob's makes room");
    assert!(!seen("alice").await && !seen("default").await);
    assert!(seen("bob").await, "alice's makes room");
    assert!(seen("alice").await);
}

const MIB: usize = 1 << 20;

/// What all guests may hold, as the operator says it.
const BUDGET: &str = "[limits]\ntotal_memory = 536_870_912\n";

#[tokio::test]
pub(crate) async fn many_growing_guests_stay_within_the_hosts_budget() {
    let host = with_people(configured(BUDGET)).await;
    let capsule = host.load(Guest::Grower.package()).await.unwrap();
    // Each takes some 60 MiB: ten times the budget in all.
    for number in 0..85 {
        let who = id(&format!("p{number}"));
        host.principals().add(&who).unwrap();
        let grow = call_by(who.as_str(), "grow", json!({ "mib": 60 }));
        let reply = host.invoke(&capsule, grow).await.unwrap();
        // Whoever is idle made room for it.
        assert!(said(&reply).1.as_u64() >= Some(55), "{reply:?}");
        assert!(host.memory_used() <= 512 * MIB);
    }
    assert!(host.memory_used() > 400 * MIB, "no more went than had to");
}

#[tokio::test]
async fn what_no_idle_guest_can_make_room_for_is_refused() {
    // Room for one that has grown, and not for another.
    let host = with_people(configured("[limits]\ntotal_memory = 50_000_000\n")).await;
    let capsule = host.load(Guest::Grower.package()).await.unwrap();
    let grow = |who, mib: usize| call_by(who, "grow", json!({ "mib": mib }));
    let first = host.invoke(&capsule, grow("alice", 40)).await.unwrap();
    assert_eq!(said(&first).1, 40);
    // What a guest is refused it can live without; alice's instance had to go for what it got.
    let second = host.invoke(&capsule, grow("bob", 60)).await.unwrap();
    let got = said(&second).1.as_u64().unwrap();
    assert!((40..50).contains(&got), "{got}");
    let first = host.invoke(&capsule, grow("alice", 1)).await.unwrap();
    assert_eq!(said(&first).1, 1, "it began anew");
}

#[tokio::test]
async fn the_operator_may_do_without_a_pool() {
    let host = configured("[engine]\npool = false\n").build().await;
    assert_eq!(host.unwrap().allocation(), Allocation::OnDemand);
    let host = configured("[engine]\ninstances = 7\n").build().await;
    let pooled = Allocation::Pooled { instances: 7 };
    assert_eq!(host.unwrap().allocation(), pooled);
}

/// Runs an ignored test of this module in a process of its own, which begins with a line of shell.
fn alone(test: &str, first: &str) {
    // Built here, where there is room.
    Guest::Noop.component();
    let child = Command::new("sh")
        .args(["-c", &format!("{first}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("pool::{test}"), "--ignored"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

#[tokio::test]
#[ignore = "run by the test below, in a small address space"]
async fn in_a_small_address_space() {
    let wanted = Allocation::Pooled { instances: 1_000 };
    let host = with_people(builder().allocation(wanted)).await;
    assert_eq!(host.allocation(), Allocation::OnDemand);
    let capsule = host.load(Guest::Noop.package()).await.unwrap();
    for who in ["alice", "bob"] {
        let call = call_by(who, "noop", ());
        host.invoke(&capsule, call).await.unwrap();
    }
}

#[test]
fn without_the_address_space_for_a_pool_instances_are_made_on_demand() {
    alone("in_a_small_address_space", "ulimit -v 67108864");
}

/// Past the kernel's limit on mappings even `malloc` fails, so a host counts with what an instance takes at most.
#[tokio::test]
#[ignore = "run by the test below, alone in its process"]
async fn mappings_of_an_instance() {
    const INSTANCES: usize = 200;
    let mappings = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().count()
    };
    let pool = Allocation::Pooled {
        instances: INSTANCES as u32,
    };
    for (allocation, each) in [(Allocation::OnDemand, 7), (pool, 6)] {
        let before = mappings();
        let quiet = configured("[engine]\nrun_loops = 0\n");
        let host = with_people(quiet.allocation(allocation)).await;
        let capsule = host.load(Guest::Noop.package()).await.unwrap();
        for number in 0..INSTANCES {
            let who = format!("p{number}");
            host.principals().add(&id(&who)).unwrap();
            let call = call_by(&who, "noop", ());
            let reply = host.invoke(&capsule, call).await.unwrap();
            assert_eq!(fresh([&reply]), [true]);
        }
        let more = mappings() - before;
        // What isn't an instance's: stacks of threads, the code, the heap.
        assert!(more <= each * INSTANCES + 100, "{allocation:?}: {more}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_instance_takes_no_more_mappings_than_are_counted_for_it() {
    alone("mappings_of_an_instance", ":");
}
