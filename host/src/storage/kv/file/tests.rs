//! The store on a disk that fails, on a file that is not what it was, and against a model.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;

use super::faults::{Doing, EIO, ENOSPC, Faults};
use super::*;
use crate::storage::kv::Fault;

struct Place {
    dir: TempDir,
    faults: Faults,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: TempDir::new().expect("a folder"),
            faults: Faults::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("var/kv.redb")
    }

    fn store(&self) -> FileKv {
        FileKv::new(FileOptions {
            cache: 1 << 20,
            faults: self.faults.clone(),
            ..FileOptions::new(self.path())
        })
    }
}

fn scope(principal: &str, capsule: &str) -> KvScope {
    KvScope {
        principal: principal.parse().expect("a name"),
        capsule: capsule.parse().expect("a name"),
    }
}

async fn set(store: &FileKv, scope: &KvScope, key: &str, value: &[u8]) -> Result<(), KvError> {
    let (key, anything) = (key.as_bytes(), Expected::Anything);
    let written = store.set(scope, key, value.to_vec(), anything, Quota::NONE);
    written.await.map(drop)
}

async fn get(store: &FileKv, scope: &KvScope, key: &str) -> Result<Option<Vec<u8>>, KvError> {
    let entry = store.get(scope, key.as_bytes()).await?;
    Ok(entry.map(|entry| entry.value))
}

fn fault<T: std::fmt::Debug>(result: Result<T, KvError>) -> Fault {
    match result {
        Err(KvError::Store(error)) => error.fault,
        other => panic!("no failure of the store: {other:?}"),
    }
}

#[tokio::test]
async fn what_was_written_is_there_when_it_is_opened_again() {
    let place = Place::new();
    let ada = scope("ada", "notes");
    let large = vec![7; 1 << 20];
    {
        let store = place.store();
        assert_eq!(get(&store, &ada, "k").await, Ok(None));
        assert!(!place.path().exists(), "a read makes no file");
        set(&store, &ada, "k", b"small").await.expect("written");
        set(&store, &ada, "large", &large).await.expect("written");
        set(&store, &ada, "empty", b"").await.expect("written");
    }
    let store = place.store();
    assert_eq!(get(&store, &ada, "k").await, Ok(Some(b"small".to_vec())));
    assert_eq!(get(&store, &ada, "large").await, Ok(Some(large)));
    assert_eq!(get(&store, &ada, "empty").await, Ok(Some(Vec::new())));
    assert_eq!(get(&store, &scope("ada", "note"), "k").await, Ok(None));
    let used = store.used(&ada.principal).await;
    assert_eq!(used, Ok((1 << 20) + 5 + 5 + 1 + 5));
}

#[tokio::test]
async fn a_version_does_not_come_back() {
    let place = Place::new();
    let (store, ada) = (place.store(), scope("ada", "notes"));
    set(&store, &ada, "k", b"one").await.expect("written");
    let before = store.get(&ada, b"k").await.expect("read").expect("there");
    let removed = store.remove(&ada, b"k", Expected::Version(before.version));
    assert_eq!(removed.await, Ok(true));
    set(&store, &ada, "k", b"one").await.expect("written");
    let expected = Expected::Version(before.version);
    let late = store.set(&ada, b"k", b"two".to_vec(), expected, Quota::NONE);
    assert_eq!(late.await, Err(KvError::Mismatch));
    assert_eq!(get(&store, &ada, "k").await, Ok(Some(b"one".to_vec())));
}

#[tokio::test]
async fn a_refused_write_does_not_stop_those_that_share_its_commit() {
    let place = Place::new();
    let store = Arc::new(place.store());
    let mut writes = Vec::new();
    for number in 0..100_u32 {
        let store = Arc::clone(&store);
        writes.push(tokio::spawn(async move {
            let scope = scope("ada", "notes");
            let expected = match number % 2 {
                0 => Expected::Nothing,
                _ => Expected::Version(Version(u64::MAX)),
            };
            let key = number.to_string();
            let value = b"value".to_vec();
            let written = store.set(&scope, key.as_bytes(), value, expected, Quota::NONE);
            written.await.is_ok()
        }));
    }
    for (number, write) in writes.into_iter().enumerate() {
        assert_eq!(write.await.expect("no panic"), number % 2 == 0);
    }
    let ada = scope("ada", "notes");
    let page = store.page(&ada, b"", None, 1_000);
    assert_eq!(page.await.expect("read").keys.len(), 50);
}

#[tokio::test]
async fn a_batch_happens_as_a_whole_or_not_at_all() {
    let place = Place::new();
    let (store, ada) = (place.store(), scope("ada", "notes"));
    for key in ["a/1", "a/2", "ab", "b"] {
        set(&store, &ada, key, b"xx").await.expect("written");
    }
    let batch = |expected| Batch {
        conditions: vec![(b"b".to_vec(), expected)],
        clear: vec![b"a/".to_vec(), b"a/1".to_vec()],
        writes: vec![
            Write::Set {
                key: b"a/3".to_vec(),
                value: b"yyyy".to_vec(),
            },
            Write::Remove {
                key: b"ab".to_vec(),
            },
        ],
    };
    let atomic = store.atomic().expect("it is able to");
    let refused = atomic.batch(&ada, batch(Expected::Nothing), Quota::NONE);
    assert_eq!(refused.await, Err(KvError::Mismatch));
    let quota = Quota {
        scope: 5,
        principal: u64::MAX,
    };
    let less = atomic.batch(&ada, batch(Expected::Anything), quota).await;
    assert_eq!(less.expect("it becomes less").removed, 3);
    assert_eq!(store.used(&ada.principal).await, Ok(3 + 4 + 1 + 2));
    let page = store.page(&ada, b"", None, 10).await.expect("read");
    let keys: Vec<_> = page.keys.iter().map(|listed| &listed.key[..]).collect();
    assert_eq!(keys, [&b"a/3"[..], b"b"]);
}

#[tokio::test]
async fn a_value_that_changed_on_the_disk_is_an_error() {
    let place = Place::new();
    let ada = scope("ada", "notes");
    let (small, large) = (b"a small value that lies beside its key", [b'L'; 5_000]);
    {
        let store = place.store();
        set(&store, &ada, "small", small).await.expect("written");
        set(&store, &ada, "large", &large).await.expect("written");
        set(&store, &ada, "whole", b"whole").await.expect("written");
    }
    let mut bytes = fs::read(place.path()).expect("there");
    for wanted in [&small[..], &large[..]] {
        let found = bytes.windows(wanted.len()).positions(wanted);
        assert!(!found.is_empty());
        for at in found {
            bytes[at + wanted.len() / 2] ^= 1;
        }
    }
    fs::write(place.path(), bytes).expect("written");
    let store = place.store();
    assert_eq!(fault(get(&store, &ada, "small").await), Fault::Damaged);
    assert_eq!(fault(get(&store, &ada, "large").await), Fault::Damaged);
    let whole = get(&store, &ada, "whole").await;
    assert_eq!(whole, Ok(Some(b"whole".to_vec())), "others go on");
    assert_eq!(
        fault(set(&store, &ada, "small", b"x").await),
        Fault::Damaged
    );
    store.purge(&ada).await.expect("damaged values go, too");
    assert_eq!(store.used(&ada.principal).await, Ok(0));
    set(&store, &ada, "small", b"x").await.expect("written");
}

trait Positions<'a> {
    fn positions(self, wanted: &[u8]) -> Vec<usize>;
}

impl<'a> Positions<'a> for std::slice::Windows<'a, u8> {
    fn positions(self, wanted: &[u8]) -> Vec<usize> {
        let found = self.enumerate().filter(|(_, window)| *window == wanted);
        found.map(|(at, _)| at).collect()
    }
}

#[tokio::test]
async fn a_file_that_is_none_of_ours_is_refused_and_left_alone() {
    let place = Place::new();
    let ada = scope("ada", "notes");
    {
        let store = place.store();
        let large = [7; 100_000];
        set(&store, &ada, "k", &large).await.expect("written");
    }
    let whole = fs::read(place.path()).expect("there");
    let no_database = b"no database at all".repeat(1_000);
    for bytes in [&whole[..whole.len() / 2], &whole[..100], &no_database] {
        fs::write(place.path(), bytes).expect("written");
        let store = place.store();
        let (read, written) = (
            get(&store, &ada, "k").await,
            set(&store, &ada, "k", b"x").await,
        );
        assert!(read.is_err(), "{} bytes: {read:?}", bytes.len());
        assert!(written.is_err(), "{} bytes: {written:?}", bytes.len());
        drop(store);
        // Put back, it works again.
        fs::write(place.path(), &whole).expect("written");
        let read = get(&place.store(), &ada, "k").await;
        assert_eq!(read, Ok(Some(vec![7; 100_000])));
    }
}

#[tokio::test]
async fn every_flipped_page_is_an_error_or_does_no_harm() {
    let place = Place::new();
    let ada = scope("ada", "notes");
    let value = |number: u32| vec![b'v'; 10 + (number as usize * 97) % 3_000];
    {
        let store = place.store();
        for number in 0..64 {
            let key = format!("{number}");
            set(&store, &ada, &key, &value(number))
                .await
                .expect("written");
        }
    }
    let whole = fs::read(place.path()).expect("there");
    let pages = whole.len() / 4_096;
    let mut harmed = 0;
    for page in 0..pages {
        let mut bytes = whole.clone();
        for byte in &mut bytes[page * 4_096..(page + 1) * 4_096] {
            *byte ^= 0x55;
        }
        fs::write(place.path(), bytes).expect("written");
        let store = place.store();
        for number in 0..64 {
            match get(&store, &ada, &format!("{number}")).await {
                Ok(Some(read)) => assert_eq!(read, value(number), "page {page}"),
                Ok(None) | Err(_) => harmed += 1,
            }
        }
        let _ = store.page(&ada, b"", None, 100).await;
        let _ = set(&store, &ada, "new", b"value").await;
        let _ = store.fullness().await;
    }
    assert!(harmed > 0, "some page held something");
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused() {
    let place = Place::new();
    let ada = scope("ada", "notes");
    set(&place.store(), &ada, "k", b"v").await.expect("written");
    {
        let database = redb::Database::open(place.path()).expect("open");
        let writing = database.begin_write().expect("begun");
        let mut meta = writing.open_table(format::META).expect("there");
        meta.insert(format::META_FORMAT, 2).expect("written");
        drop(meta);
        writing.commit().expect("committed");
    }
    let store = place.store();
    let error = get(&store, &ada, "k").await.expect_err("refused");
    assert!(error.to_string().contains("format 2"), "{error}");
    assert_eq!(fault::<()>(Err(error)), Fault::Newer);
}

#[tokio::test]
async fn after_a_fault_at_any_write_or_sync_nothing_is_lost_and_it_goes_on() {
    for (doing, errno, expected) in [
        (Doing::Write, EIO, Fault::Unavailable),
        (Doing::Write, ENOSPC, Fault::Full),
        (Doing::Resize, ENOSPC, Fault::Full),
        (Doing::Sync, EIO, Fault::Unavailable),
    ] {
        for for_good in [false, true] {
            for number in 0.. {
                let place = Place::new();
                let (store, ada) = (place.store(), scope("ada", "notes"));
                let before = [b'b'; 2_000];
                set(&store, &ada, "before", &before).await.expect("written");
                place.faults.after(doing, number, for_good, errno);
                let what = format!("{doing:?} {number} {errno} {for_good}");
                let large = [b'd'; 200_000];
                let during = set(&store, &ada, "during", &large).await;
                if let Err(error) = &during {
                    assert_eq!(fault::<()>(Err(error.clone())), expected, "{what}");
                }
                let read = get(&store, &ada, "before").await;
                if doing == Doing::Resize {
                    // A disk without room can still be read, also by a handle opened anew.
                    assert_eq!(read, Ok(Some(before.to_vec())), "{what}");
                }
                assert!(!matches!(read, Ok(None)), "{what}");
                let failed = place.faults.end();
                let read = get(&store, &ada, "before").await;
                assert_eq!(read, Ok(Some(before.to_vec())), "{what}");
                let read = get(&store, &ada, "during").await.expect(&what);
                if during.is_ok() {
                    assert_eq!(read.as_deref(), Some(&large[..]), "{what}");
                } else {
                    // Told as failed, it may still be there, but only as a whole.
                    assert!(read.is_none_or(|read| read == large), "{what}");
                }
                set(&store, &ada, "after", b"a").await.expect(&what);
                drop(store);
                let store = place.store();
                let read = get(&store, &ada, "before").await;
                assert_eq!(read, Ok(Some(before.to_vec())), "{what}");
                assert_eq!(get(&store, &ada, "after").await, Ok(Some(b"a".to_vec())));
                if !failed {
                    assert!(during.is_ok(), "{what}");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn every_writer_of_a_commit_that_fails_hears_it_and_the_next_commit_works() {
    let place = Place::new();
    let store = Arc::new(place.store());
    let first = set(&store, &scope("ada", "notes"), "first", b"1").await;
    first.expect("written");
    place.faults.after(Doing::Sync, 0, true, EIO);
    let write = |number: u32| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let scope = scope(&format!("p{number}"), "notes");
            set(&store, &scope, "k", b"v").await
        })
    };
    let writers: Vec<_> = (0..200).map(write).collect();
    for writer in writers {
        let written = writer.await.expect("no panic");
        assert_eq!(fault(written), Fault::Unavailable);
    }
    assert!(place.faults.end());
    let writers: Vec<_> = (0..200).map(write).collect();
    for writer in writers {
        writer.await.expect("no panic").expect("written");
    }
    let read = get(&store, &scope("p199", "notes"), "k").await;
    assert_eq!(read, Ok(Some(b"v".to_vec())));
}

#[tokio::test]
async fn a_reader_of_a_failed_handle_ends_before_a_new_one_is_opened() {
    let place = Place::new();
    let (store, ada) = (Arc::new(place.store()), scope("ada", "notes"));
    set(&store, &ada, "k", b"v").await.expect("written");
    let reader = store.door.open().expect("open");
    place.faults.after(Doing::Sync, 0, false, EIO);
    assert!(set(&store, &ada, "k", b"w").await.is_err());
    let waiting = {
        let (store, ada) = (Arc::clone(&store), ada.clone());
        tokio::spawn(async move { get(&store, &ada, "k").await })
    };
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(reader);
    let read = waiting.await.expect("no panic").expect("read");
    assert!(read == Some(b"v".to_vec()) || read == Some(b"w".to_vec()));
}

#[tokio::test]
async fn a_write_that_is_given_up_is_whole_or_absent_and_counted_so() {
    let place = Place::new();
    let (store, ada) = (place.store(), scope("ada", "notes"));
    for number in 0..50 {
        let (key, value) = (format!("{number}"), vec![b'v'; 5_000]);
        let mut writing = Box::pin(set(&store, &ada, &key, &value));
        let polled = futures_poll_once(&mut writing).await;
        assert!(polled.is_none_or(|written| written.is_ok()));
        drop(writing);
    }
    // Behind all that were given up.
    set(&store, &ada, "last", b"").await.expect("written");
    let page = store.page(&ada, b"", None, 100).await.expect("read");
    let mut bytes = 0;
    for listed in &page.keys {
        let key = String::from_utf8(listed.key.clone()).expect("text");
        let value = get(&store, &ada, &key).await.expect("read").expect("there");
        assert!(key == "last" || value == [b'v'; 5_000]);
        bytes += (key.len() + value.len()) as u64;
    }
    assert_eq!(store.used(&ada.principal).await, Ok(bytes));
}

#[tokio::test]
async fn a_store_that_ends_with_a_write_under_way_gives_its_file_back() {
    let (place, ada) = (Place::new(), scope("ada", "notes"));
    for _ in 0..20 {
        let store = place.store();
        let mut writing = Box::pin(set(&store, &ada, "k", b"v"));
        futures_poll_once(&mut writing).await;
        drop(writing);
        drop(store);
        let read = get(&place.store(), &ada, "k").await;
        assert!(read.is_ok(), "{read:?}");
    }
}

async fn futures_poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn compacting_gives_room_back_and_loses_nothing() {
    let place = Place::new();
    let (store, ada) = (place.store(), scope("ada", "notes"));
    set(&store, &ada, "kept", b"kept").await.expect("written");
    for number in 0..20 {
        let key = format!("{number}");
        set(&store, &ada, &key, &[1; 300_000])
            .await
            .expect("written");
    }
    let full = store.fullness().await.expect("read").expect("there");
    let batch = Batch {
        clear: vec![b"1".to_vec()],
        ..Batch::default()
    };
    store
        .batch(&ada, batch, Quota::NONE)
        .await
        .expect("cleared");
    store.compact().await.expect("compacted");
    let less = store.fullness().await.expect("read").expect("there");
    assert!(less.file < full.file, "{less:?} {full:?}");
    assert_eq!(less.keys, 1 + 9);
    assert_eq!(get(&store, &ada, "kept").await, Ok(Some(b"kept".to_vec())));
}

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
            .arg("storage::kv::file::tests::killed")
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

#[derive(Debug, Clone)]
enum Act {
    Set(usize, u8, u16, bool),
    Remove(usize, u8),
    Clear(usize, u8),
    Get(usize, u8),
    Page(usize, u8),
    Reopen,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..9_usize, 0..8_u8, 0..2_500_u16, any::<bool>())
            .prop_map(|(scope, key, size, fresh)| Act::Set(scope, key, size, fresh)),
        2 => (0..9_usize, 0..8_u8).prop_map(|(scope, key)| Act::Remove(scope, key)),
        1 => (0..9_usize, 0..4_u8).prop_map(|(scope, key)| Act::Clear(scope, key)),
        4 => (0..9_usize, 0..8_u8).prop_map(|(scope, key)| Act::Get(scope, key)),
        2 => (0..9_usize, 0..8_u8).prop_map(|(scope, key)| Act::Page(scope, key)),
        1 => Just(Act::Reopen),
    ];
    proptest::collection::vec(act, 1..200)
}

/// Three principals with three capsules, whose names begin alike.
fn scopes() -> Vec<KvScope> {
    let principals = ["a", "a-b", "ab"];
    let capsules = ["a", "b", "b-c"];
    let all = principals
        .iter()
        .flat_map(|principal| capsules.iter().map(|capsule| scope(principal, capsule)));
    all.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nothing crosses from one scope to another, whatever is done: against plain maps.
    #[test]
    fn it_is_as_a_map_for_each_scope(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(against_a_model(acts));
    }
}

async fn against_a_model(acts: Vec<Act>) {
    let scopes = scopes();
    let place = Place::new();
    let store = || {
        FileKv::new(FileOptions {
            durability: Durability::Process,
            ..FileOptions::new(place.path())
        })
    };
    let mut kv = store();
    let mut model: BTreeMap<(usize, String), Vec<u8>> = BTreeMap::new();
    let quota = Quota {
        scope: 5_000,
        principal: 9_000,
    };
    let key = |key: u8| format!("{}{}", ["", "k", "kk", "\u{fc}"][key as usize % 4], key / 4);
    for act in acts {
        match act {
            Act::Set(at, name, size, fresh) => {
                let name = key(name);
                let value = vec![size as u8; size.into()];
                let there = model.get(&(at, name.clone()));
                let expected = if fresh {
                    Expected::Nothing
                } else {
                    Expected::Anything
                };
                let sum = |principal: bool| -> u64 {
                    let all = model.iter().filter(|((other, other_name), _)| {
                        let counts = if principal {
                            other / 3 == at / 3
                        } else {
                            *other == at
                        };
                        counts && (*other, other_name) != (at, &name)
                    });
                    all.map(|((_, key), value)| (key.len() + value.len()) as u64)
                        .sum()
                };
                let size = (name.len() + value.len()) as u64;
                let grows = there.is_none_or(|there| there.len() < value.len());
                let wanted = if fresh && there.is_some() {
                    Err(KvError::Mismatch)
                } else if grows && sum(false) + size > quota.scope {
                    let (wanted, limit) = (sum(false) + size, quota.scope);
                    Err(KvError::Quota { wanted, limit })
                } else if grows && sum(true) + size > quota.principal {
                    let (wanted, limit) = (sum(true) + size, quota.principal);
                    Err(KvError::PrincipalQuota { wanted, limit })
                } else {
                    Ok(())
                };
                let written = kv.set(&scopes[at], name.as_bytes(), value.clone(), expected, quota);
                assert_eq!(written.await.map(drop), wanted);
                if wanted.is_ok() {
                    model.insert((at, name), value);
                }
            }
            Act::Remove(at, name) => {
                let name = key(name);
                let removed = kv.remove(&scopes[at], name.as_bytes(), Expected::Anything);
                let there = model.remove(&(at, name.clone())).is_some();
                assert_eq!(removed.await, Ok(there));
            }
            Act::Clear(at, name) => {
                let prefix = ["", "k", "kk", "\u{fc}"][name as usize];
                let batch = Batch {
                    clear: vec![prefix.into()],
                    ..Batch::default()
                };
                let written = kv.batch(&scopes[at], batch, quota).await.expect("cleared");
                let before = model.len();
                model.retain(|(other, key), _| *other != at || !key.starts_with(prefix));
                assert_eq!(written.removed, (before - model.len()) as u64);
            }
            Act::Get(at, name) => {
                let name = key(name);
                let read = get(&kv, &scopes[at], &name).await;
                assert_eq!(read, Ok(model.get(&(at, name)).cloned()));
            }
            Act::Page(at, name) => {
                let after = key(name);
                let page = kv.page(&scopes[at], b"k", Some(after.as_bytes()), 2).await;
                let wanted = model.keys().filter(|(other, key)| {
                    *other == at && key.starts_with('k') && key.as_bytes() > after.as_bytes()
                });
                let wanted: Vec<_> = wanted.map(|(_, key)| key.clone().into_bytes()).collect();
                let page = page.expect("read");
                let keys: Vec<_> = page.keys.into_iter().map(|listed| listed.key).collect();
                assert_eq!(keys, wanted[..wanted.len().min(2)]);
                assert_eq!(page.more, wanted.len() > 2);
            }
            Act::Reopen => {
                drop(kv);
                kv = store();
            }
        }
    }
    let listed = kv.scopes(None, 100).await.expect("read");
    let held: BTreeMap<KvScope, u64> = listed
        .into_iter()
        .map(|one| (one.scope, one.bytes))
        .collect();
    let mut wanted = BTreeMap::new();
    for ((at, key), value) in &model {
        *wanted.entry(scopes[*at].clone()).or_default() += (key.len() + value.len()) as u64;
    }
    assert_eq!(held, wanted);
}
