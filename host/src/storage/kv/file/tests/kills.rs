//! What was acknowledged is there after a kill.

use std::io::{BufRead, BufReader};

use super::*;

/// The file that a process of its own writes to until it is killed.
const KILLED_FILE: &str = "ASTRID_TEST_KILLED_FILE";
/// The round, part of every key.
const KILLED_ROUND: &str = "ASTRID_TEST_KILLED_ROUND";
/// How often a process is killed; 20 unless set.
const KILLS: &str = "ASTRID_TEST_KILLS";
const WRITERS: usize = 8;

/// What is written under a key: no other value may be found there.
fn value_of(key: &str) -> Vec<u8> {
    let length = 20 + blake3::hash(key.as_bytes()).as_bytes()[0] as usize * 16;
    key.bytes().cycle().take(length).collect()
}

/// Writes without an end, and says each key once it is acknowledged.
#[test]
#[ignore = "started by `what_was_acknowledged_is_there_after_a_kill`"]
fn killed() {
    let path = std::env::var_os(KILLED_FILE).expect("the file");
    let round = std::env::var(KILLED_ROUND).expect("the round");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let store = Arc::new(FileKv::new(FileOptions::new(path)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, round) = (Arc::clone(&store), round.clone());
            runtime.spawn(async move {
                let scope = scope(&format!("p{writer}"), "notes");
                for number in 0_u64.. {
                    let key = format!("{round}/{writer}/{number}");
                    set(&store, &scope, &key, &value_of(&key))
                        .await
                        .expect("written");
                    println!("{key}");
                }
            })
        })
        .collect();
    for writer in writers {
        runtime.block_on(writer).expect("no panic");
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let place = Place::new();
    let kills = std::env::var(KILLS).ok();
    let kills = kills.map_or(20, |kills| kills.parse().expect("a number"));
    let mut acknowledged = Vec::new();
    for round in 0..kills {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("storage::kv::file::tests::kills::killed")
            .env(KILLED_FILE, place.path())
            .env(KILLED_ROUND, round.to_string())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("started");
        // Killed after a number of writes that differs from round to round.
        let after = 1 + (round * 37) % 101;
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let prefix = format!("{round}/");
        let mut keys = lines
            .by_ref()
            .map_while(Result::ok)
            .filter(|line| line.starts_with(&prefix));
        acknowledged.extend(keys.by_ref().take(after));
        child.kill().expect("killed");
        // What it still said before its end.
        acknowledged.extend(keys.filter(|key| key.split('/').count() == 3));
        child.wait().expect("ended");

        let store = place.store();
        for key in &acknowledged {
            let writer = key.split('/').nth(1).expect("a key");
            let scope = scope(&format!("p{writer}"), "notes");
            let read = get(&store, &scope, key).await.expect("read");
            // The last line may have been cut.
            let is_last = acknowledged.last() == Some(key);
            assert!(read.is_some() || is_last, "round {round}: {key} is gone");
        }
        for writer in 0..WRITERS {
            let scope = scope(&format!("p{writer}"), "notes");
            let page = store.page(&scope, prefix.as_bytes(), None, 10_000).await;
            for listed in page.expect("read").keys {
                let key = String::from_utf8(listed.key).expect("text");
                let read = get(&store, &scope, &key).await.expect("read");
                assert_eq!(read, Some(value_of(&key)), "round {round}: {key}");
            }
        }
    }
    assert!(acknowledged.len() > kills);
}
