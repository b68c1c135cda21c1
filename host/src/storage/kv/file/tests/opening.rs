//! A large file opens at once after a kill.

use std::io::{BufRead, BufReader, Write as _};
use std::time::{Duration, Instant};

use super::*;

/// Where the writer's file is.
const FILE: &str = "ASTRID_TEST_LARGE_FILE";
/// Mebibytes of the file; 64 unless set.
const SIZE: &str = "ASTRID_TEST_LARGE_MIB";

fn mebibytes() -> usize {
    let size = std::env::var(SIZE).ok();
    size.map_or(64, |size| size.parse().expect("a number"))
}

/// Fills a file, and goes on writing until it is killed.
#[test]
#[ignore = "started by `a_large_file_opens_at_once_after_a_kill`"]
fn fills() {
    let path = std::env::var_os(FILE).expect("the file");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = FileKv::new(FileOptions {
            durability: Durability::Process,
            ..FileOptions::new(path)
        });
        let ada = scope("ada", "notes");
        for number in 0.. {
            let writes = (0..8).map(|part| Write::Set {
                key: format!("{number}/{part}").into_bytes(),
                value: vec![b'v'; 1 << 17],
            });
            let batch = Batch {
                writes: writes.collect(),
                ..Batch::default()
            };
            store
                .batch(&ada, batch, Quota::NONE)
                .await
                .expect("written");
            println!("filled {number}");
            std::io::stdout().flush().expect("written");
        }
    });
}

#[tokio::test]
async fn a_large_file_opens_at_once_after_a_kill() {
    let place = Place::new();
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("storage::kv::file::tests::opening::fills")
        .env(FILE, place.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    let last = format!("filled {}", mebibytes());
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let filled = lines.any(|line| line.is_ok_and(|line| line.ends_with(&last)));
    assert!(filled);
    child.kill().expect("killed");
    child.wait().expect("ended");
    let size = fs::metadata(place.path()).expect("there").len();
    assert!(size > (mebibytes() as u64) << 20);
    // To check a file, all of it is read; to open one after a commit with quick repair, next to nothing. Both are timed,
    // so that it does not matter how fast the machine is.
    let began = Instant::now();
    let store = place.store();
    let read = get(&store, &scope("ada", "notes"), "0/0").await;
    let opened = began.elapsed();
    assert_eq!(read.expect("read").map(|value| value.len()), Some(1 << 17));
    drop(store);
    let began = Instant::now();
    let whole = fs::read(place.path()).expect("read").len();
    let scanned = began.elapsed();
    println!("{whole} bytes: opened in {opened:?}, read in {scanned:?}");
    assert!(opened < scanned.max(Duration::from_secs(1)), "{opened:?}");
}
