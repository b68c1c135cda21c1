//! Memory: linear memory, tables, and what the host itself takes.

use astrid_e2e::guests::Guest;
use astrid_host::CallError;
use serde_json::json;

use super::{fails, hosts, misbehave};
use crate::common::{ask, call_by, loaded, said};

#[tokio::test]
pub(crate) async fn hunger_for_memory() {
    let error = fails(Guest::MemoryHog, misbehave()).await;
    assert_eq!(error.kind(), "memory", "{error}");
    let CallError::Memory { wanted, limit, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(limit, 8 << 20, "the manifest's");
    // The bit that is too much: it asks for a MiB at a time.
    assert!(wanted > limit && wanted <= limit + (2 << 20), "{wanted}");
}

#[tokio::test]
pub(crate) async fn hunger_for_tables() {
    for (host, capsule) in hosts(Guest::TableHog).await {
        // The bound is on all tables of an instance together. Being refused, the guest has nothing to trap on.
        for _ in 0..2 {
            let reply = ask(&host, &capsule, "misbehave", ()).await.unwrap();
            assert_eq!(said(&reply), ("final", json!(20_000)));
        }
        let reply = ask(&host, &capsule, "behave", ()).await.unwrap();
        assert_eq!(said(&reply), ("continue", json!(null)));
    }
}

#[tokio::test]
pub(crate) async fn memory_that_is_kept() {
    let (host, capsule) = loaded(Guest::Grower).await;
    for who in ["alice", "bob"] {
        let grow = async |mib| {
            let call = call_by(who, "grow", json!({ "mib": mib }));
            let reply = host.invoke(&capsule, call).await.unwrap();
            (said(&reply).1.as_u64().unwrap(), reply.memory_peak)
        };
        assert_eq!(grow(1).await.0, 1);
        assert_eq!(grow(2).await.0, 3, "it is kept");
        let (all, peak) = grow(100).await;
        assert!((56..64).contains(&all), "{all} MiB");
        assert!(peak <= 64 << 20, "{peak}");
        assert_eq!(grow(1).await.0, all, "there is no more");
    }
    assert!(host.memory_used() > 2 * (56 << 20));
}

/// What the host takes when a guest hands it a line of 60 MiB. Linux says what a process took at most.
#[cfg(target_os = "linux")]
mod footprint {
    use std::process::Command;

    use astrid_e2e::guests::Guest;

    use crate::common::{builder, call_by, id};

    const MIB: usize = 1 << 20;

    #[test]
    fn a_huge_line_takes_little_of_the_hosts_memory() {
        // In a process of its own, where nobody else takes any.
        let measured = "hostile::memory::footprint::measured_alone";
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", measured, "--ignored", "--nocapture"])
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
    }

    #[tokio::test]
    #[ignore = "measures its whole process, so it is run in one of its own"]
    async fn measured_alone() {
        let host = builder().build().await.unwrap();
        let capsule = host.load(Guest::HugeLine.package()).await.unwrap();
        // Guests that keep their memory, until another one's shows: then no more is taken than ever before, and
        // whatever else is taken shows too.
        let mut who = "default".to_owned();
        for number in 0.. {
            assert!(number < 32, "memory that guests take doesn't show");
            let before = most();
            let prepare = host.invoke(&capsule, call_by(&who, "prepare", ()));
            prepare.await.unwrap();
            if most().saturating_sub(before) > 50 * MIB {
                break;
            }
            who = format!("number-{number}");
            host.principals().add(&id(&who)).unwrap();
        }
        // The last one has in its memory what the line takes there.
        let before = most();
        // What is said about it doesn't matter here.
        let _ = host.invoke(&capsule, call_by(&who, "misbehave", ())).await;
        let taken = most().saturating_sub(before);
        assert!(taken < 8 * MIB, "the host took {taken} bytes");
    }

    /// Bytes of memory that this process had at most, give or take some hundred KiB.
    fn most() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kib = line.split_whitespace().next().unwrap();
        kib.parse::<usize>().unwrap() * 1024
    }
}
