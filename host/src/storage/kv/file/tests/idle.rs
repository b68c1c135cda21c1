//! An idle host makes a file smaller that is mostly empty.

use super::*;

/// A store in which 16 MiB were written, and all but a key removed again.
async fn mostly_free(place: &Place) -> FileKv {
    let (store, ada) = (place.store(), scope("ada", "notes"));
    for number in 0..16 {
        let value = vec![b'v'; 1 << 20];
        set(&store, &ada, &format!("large/{number}"), &value)
            .await
            .expect("written");
    }
    set(&store, &ada, "kept", b"value").await.expect("written");
    let batch = Batch {
        clear: vec![b"large/".to_vec()],
        ..Batch::default()
    };
    store
        .batch(&ada, batch, Quota::NONE)
        .await
        .expect("removed");
    store
}

#[tokio::test]
async fn a_file_that_is_mostly_free_is_made_smaller_once_nobody_uses_it() {
    let place = Place::new();
    let store = mostly_free(&place).await;
    let size = || fs::metadata(place.path()).expect("there").len();
    let before = size();
    assert!(before > 16 << 20);
    // It was used a moment ago.
    assert_eq!(store.compact_if_idle().await, Ok(false));
    assert_eq!(size(), before);
    assert_eq!(store.compact_if_idle().await, Ok(true));
    assert!(size() < 4 << 20, "{}", size());
    let ada = scope("ada", "notes");
    assert_eq!(get(&store, &ada, "kept").await, Ok(Some(b"value".to_vec())));
    // What is small enough is not looked at again and again.
    assert_eq!(store.compact_if_idle().await, Ok(false));
    assert_eq!(store.compact_if_idle().await, Ok(false));
}

#[tokio::test]
async fn a_store_that_is_not_open_or_was_only_read_is_left_alone() {
    let place = Place::new();
    drop(mostly_free(&place).await);
    let before = fs::metadata(place.path()).expect("there").len();
    let (store, ada) = (place.store(), scope("ada", "notes"));
    assert_eq!(store.compact_if_idle().await, Ok(false));
    get(&store, &ada, "kept").await.expect("read");
    for _ in 0..2 {
        assert_eq!(store.compact_if_idle().await, Ok(false));
    }
    let now = fs::metadata(place.path()).expect("there").len();
    assert_eq!(now, before);
}
