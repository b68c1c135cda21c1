//! The store on a disk that fails, on a file that is not what it was, after a kill, and against a model.

mod idle;
mod kills;
mod model;
mod opening;

use std::fs;
use std::sync::Arc;

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
    assert_eq!(place.store().check().await, Ok(true));
    let mut bytes = fs::read(place.path()).expect("there");
    for wanted in [&small[..], &large[..]] {
        let found = bytes.windows(wanted.len()).positions(wanted);
        assert!(!found.is_empty());
        for at in found {
            bytes[at + wanted.len() / 2] ^= 1;
        }
    }
    fs::write(place.path(), &bytes).expect("written");
    assert_ne!(place.store().check().await, Ok(true));
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
