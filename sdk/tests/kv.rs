//! Typed keys, listings and versions, on the host in memory.

use astrid_sdk::{kv, prelude::*, testing::Host};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Note {
    text: String,
    stars: u8,
}

fn note(text: &str) -> Note {
    Note {
        text: text.into(),
        stars: 1,
    }
}

const NOTE: kv::Key<Note> = kv::Key::new("note");

#[test]
fn json_goes_in_and_comes_out() {
    Host::new().run(|| {
        assert_eq!(kv::get_json::<Note>("note"), Ok(None));
        kv::set_json("note", &note("milk")).unwrap();
        assert_eq!(kv::get_json("note"), Ok(Some(note("milk"))));
        assert_eq!(
            kv::get("note").unwrap().unwrap(),
            br#"{"text":"milk","stars":1}"#
        );
    });
}

#[test]
fn what_does_not_fit_names_key_type_and_field_and_stays() {
    Host::new().run(|| {
        let stored = br#"{"text":"milk","stars":999}"#;
        kv::set("note", stored).unwrap();
        let said = NOTE.get().unwrap_err().to_string();
        assert!(
            said.starts_with("the value of `note` does not fit `kv::Note` at `stars`: invalid value: integer `999`"),
            "{said}"
        );
        assert!(NOTE.update(|_| note("bread")).is_err());
        assert_eq!(kv::get("note").unwrap().unwrap(), stored);
        let map = std::collections::BTreeMap::from([(vec![1], 1)]);
        let said = kv::set_json("map", &map).unwrap_err().to_string();
        assert!(said.starts_with("the value of `map` cannot be written as JSON"));
    });
}

#[test]
fn a_typed_key_is_swapped_by_the_bytes_that_were_read() {
    Host::new().run(|| {
        kv::set("note", br#" {"stars": 1, "text": "milk"} "#).unwrap();
        let (first, second) = (NOTE.read().unwrap(), NOTE.read().unwrap());
        assert_eq!(first.value, Some(note("milk")));
        assert_eq!(first.swap(&note("bread")), Ok(()));
        assert_eq!(second.swap(&note("salt")), Err(kv::Error::CasMismatch));
        assert_eq!(NOTE.get(), Ok(Some(note("bread"))));
        NOTE.delete().unwrap();
        let absent = NOTE.read().unwrap();
        NOTE.set(&note("oil")).unwrap();
        assert_eq!(absent.swap(&note("salt")), Err(kv::Error::CasMismatch));
    });
}

#[test]
fn an_update_is_run_again_after_a_conflict_and_not_for_ever() {
    let host = Host::new();
    let count: kv::Key<u32> = kv::Key::named(format!("count/{}", "alice"));
    let mut runs = 0;
    host.refuse_write(1, kv::Error::CasMismatch);
    let updated = host.run(|| {
        count.update(|count| {
            runs += 1;
            count.unwrap_or(0) + 1
        })
    });
    assert_eq!((updated, runs), (Ok(1), 2));
    for write in 1..=17 {
        host.refuse_write(write, kv::Error::CasMismatch);
    }
    let updated = host.run(|| count.update(|_| 5));
    assert_eq!(updated, Err(kv::Error::CasMismatch));
    assert_eq!(host.run(|| count.get()), Ok(Some(1)));
}

#[test]
fn keys_come_page_by_page_in_order_and_end_with_an_error() {
    let host = Host::new();
    host.run(|| {
        for number in 0..2_500 {
            kv::set(&format!("n/{number:04}"), b"").unwrap();
        }
        kv::set("o", b"").unwrap();
        let all: Result<Vec<String>, _> = kv::keys("n/").collect();
        let all = all.unwrap();
        assert_eq!(all.len(), 2_500);
        assert!(all.is_sorted());
        assert_eq!(kv::keys("n/").after("n/2497").count(), 2);
        assert_eq!(kv::keys("none/").count(), 0);
        assert_eq!(kv::keys("").last(), Some(Ok("o".into())));
        let bad: Vec<_> = kv::keys("a\n").collect();
        assert_eq!(bad, [Err(kv::Error::InvalidKey)]);
        // What is removed on the way is no reason to leave others out.
        let removed = kv::keys("n/").map(|key| kv::delete(&key.unwrap()));
        assert_eq!(removed.filter(Result::is_ok).count(), 2_500);
    });
    host.run(|| kv::set("n/1", b"")).unwrap();
    let mut keys = host.run(|| kv::keys("n/"));
    host.kv_unavailable(true);
    assert!(matches!(
        host.run(|| keys.next()),
        Some(Err(kv::Error::Unknown(_)))
    ));
    assert_eq!(keys.next(), None);
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Profile {
    names: Vec<String>,
}

const PROFILE: kv::Versioned<Profile> = kv::Versioned::new("profile", 2, |old| {
    let name = match old.version() {
        0 => old.read::<String>()?,
        1 => old.read::<Version1>()?.name,
        other => return Err(Error::msg(format!("there was no version {other}"))),
    };
    Ok(Profile { names: vec![name] })
});

#[derive(Deserialize)]
struct Version1 {
    name: String,
}

/// What comes of a stored text: the profile's names or the error, and what is stored then.
#[track_caller]
fn migrate(stored: &str) -> (Result<Vec<String>, kv::Error>, String) {
    Host::new().run(|| {
        kv::set("profile", stored.as_bytes()).unwrap();
        let got = PROFILE.get().map(|profile| profile.unwrap().names);
        let after = kv::get("profile").unwrap().unwrap();
        (got, String::from_utf8(after).unwrap())
    })
}

#[test]
fn an_earlier_version_is_migrated_once() {
    let now = r#"{"__sv":2,"data":{"names":["Ada"]}}"#;
    for stored in [
        r#"{"__sv":1,"data":{"name":"Ada"}}"#,
        r#"{"__sv":0,"data":"Ada"}"#,
        r#""Ada""#,
        now,
    ] {
        assert_eq!(
            migrate(stored),
            (Ok(vec!["Ada".into()]), now.into()),
            "{stored}"
        );
    }
    Host::new().run(|| {
        assert_eq!(PROFILE.get(), Ok(None));
        PROFILE
            .set(&Profile {
                names: vec!["Ada".into()],
            })
            .unwrap();
        assert_eq!(kv::get("profile").unwrap().unwrap(), now.as_bytes());
        PROFILE.delete().unwrap();
        assert_eq!(kv::get("profile"), Ok(None));
    });
}

#[test]
fn what_cannot_be_migrated_stays() {
    for (stored, said) in [
        (
            r#"{"__sv":3,"data":{}}"#,
            "the value of `profile` is of version 3, and this capsule knows 2 at most: it is left as it is",
        ),
        (
            r#"{"__sv":1,"data":{"name":5}}"#,
            "the value of `profile` cannot be migrated from version 1, and is left as it is: the value of `profile` does not fit",
        ),
        (r#"{"__sv":2,"data":{"names":5}}"#, "at `data.names`"),
        ("{", "cannot be migrated from version 0"),
    ] {
        let (got, after) = migrate(stored);
        let error = got.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(after, stored);
    }
}

#[test]
fn a_migration_that_meets_another_call_overwrites_nothing() {
    let host = Host::new();
    host.run(|| kv::set("profile", br#"{"__sv":1,"data":{"name":"Ada"}}"#))
        .unwrap();
    host.refuse_write(1, kv::Error::CasMismatch);
    let got = host.run(|| PROFILE.get()).unwrap().unwrap();
    assert_eq!(got.names, ["Ada"]);
    let stored = host.run(|| kv::get("profile")).unwrap().unwrap();
    assert_eq!(stored, br#"{"__sv":1,"data":{"name":"Ada"}}"#);
    host.refuse_write(1, kv::Error::Quota);
    assert_eq!(host.run(|| PROFILE.get()), Err(kv::Error::Quota));
}
