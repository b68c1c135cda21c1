//! What a capsule's fields remember, and what it keeps under keys: for each principal, as the published SDK has it.

use std::sync::Arc;

use astrid_e2e::guests::Guest;
use astrid_e2e::published;
use astrid_host::{Capsule, Host};
use serde_json::{Value, json};

use crate::common::{ask, builder, call_by, fresh, host, id, loaded, said, with_people};
use crate::counted::Counted;

/// What is stored as a principal's state.
async fn stored(host: &Host, principal: &str, capsule: &Capsule) -> Option<String> {
    let keys = host.kv(&id(principal), capsule.name()).unwrap();
    let bytes = keys.get("__state").await.unwrap()?;
    Some(String::from_utf8(bytes).unwrap())
}

async fn store(host: &Host, principal: &str, capsule: &Capsule, text: &str) {
    let keys = host.kv(&id(principal), capsule.name()).unwrap();
    keys.set("__state", text.into()).await.unwrap();
}

/// What a handler answers a principal.
async fn answer(host: &Host, capsule: &Capsule, principal: &str, action: &str) -> Value {
    let call = call_by(principal, action, json!({ "name": "Ada" }));
    said(&host.invoke(capsule, call).await.unwrap()).1
}

#[tokio::test]
pub(crate) async fn a_counter_counts_for_each_principal() {
    let (host, counter) = loaded(Guest::Counter).await;
    let count = async |principal| {
        let call = call_by(principal, "count", ());
        host.invoke(&counter, call).await.unwrap()
    };
    let (first, second, other) = (
        count("alice").await,
        count("alice").await,
        count("bob").await,
    );
    assert_eq!(
        [&first, &second, &other].map(|reply| said(reply).1),
        [1, 2, 1]
    );
    assert_eq!(fresh([&first, &second]), [true, false]);
    assert_eq!(answer(&host, &counter, "alice", "look").await, 2);
    // The instance keeps what it wrote; what another one wrote is read.
    store(&host, "alice", &counter, r#" {"count": 40} "#).await;
    assert_eq!(answer(&host, &counter, "alice", "look").await, 40);
    assert_eq!(answer(&host, &counter, "alice", "count").await, 41);
    assert_eq!(
        stored(&host, "alice", &counter).await.unwrap(),
        r#"{"count":41}"#
    );
    // It outlasts the load.
    host.unload(&counter);
    let counter = host.load(Guest::Counter.package()).await.unwrap();
    assert_eq!(answer(&host, &counter, "alice", "count").await, 42);
}

#[tokio::test]
pub(crate) async fn a_state_that_cannot_be_read_stays() {
    let (host, counter) = loaded(Guest::Counter).await;
    let before = r#"{"count":"many"}"#;
    store(&host, "alice", &counter, before).await;
    for action in ["count", "look"] {
        let said = answer(&host, &counter, "alice", action).await;
        let said = said.as_str().unwrap();
        let expected = "the state of `Counter` cannot be read at `count`: invalid type: string \"many\", expected u64";
        assert!(said.starts_with(expected), "{said}");
    }
    assert_eq!(stored(&host, "alice", &counter).await.unwrap(), before);
    assert_eq!(answer(&host, &counter, "bob", "count").await, 1);
}

#[tokio::test]
pub(crate) async fn a_conflict_saves_nothing() {
    let (host, keeper) = loaded(Guest::Keeper).await;
    answer(&host, &keeper, "alice", "visit").await;
    let said = answer(&host, &keeper, "alice", "meddle").await;
    assert!(
        said.as_str().unwrap().starts_with("StateConflict: "),
        "{said}"
    );
    let look = async || answer(&host, &keeper, "alice", "look").await[0].clone();
    assert_eq!(look().await, 6);
    assert_eq!(answer(&host, &keeper, "alice", "fail").await, "Ada");
    host.invoke(&keeper, call_by("alice", "panic", ()))
        .await
        .unwrap_err();
    assert_eq!(look().await, 6);
    assert_eq!(
        answer(&host, &keeper, "alice", "deny").await,
        "it was counted"
    );
    assert_eq!(look().await, 16);
}

#[tokio::test]
pub(crate) async fn what_is_kept_by_hand_costs_what_the_state_does() {
    let store = Arc::<Counted>::default();
    let host = with_people(builder().kv_store(Arc::clone(&store) as _)).await;
    let storer = host.load(Guest::Storer.package()).await.unwrap();
    for pair in [["count", "count_by_hand"], ["look", "look_by_hand"]] {
        for _ in 0..2 {
            let mut costs = Vec::new();
            for action in pair {
                store.taken();
                host.invoke(&storer, call_by("alice", action, ()))
                    .await
                    .unwrap();
                costs.push(store.taken());
            }
            assert_eq!(costs[0], costs[1], "{pair:?}");
        }
    }
    store.taken();
    host.invoke(&storer, call_by("alice", "put", 100))
        .await
        .unwrap();
    host.invoke(&storer, call_by("alice", "get", 5))
        .await
        .unwrap();
    assert_eq!(store.taken(), (5, 1));
}

/// Eight loops of compare-and-swap on one key of one principal, at once: no increment is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_once_no_increment_is_lost() {
    let host = with_people(builder()).await;
    let manifest = Guest::Storer.manifest() + "\n[runtime]\nordered = false\n";
    let storer = host
        .load(Guest::Storer.package_with(&manifest))
        .await
        .unwrap();
    let loops = (0..8).map(|_| {
        let (host, storer) = (host.clone(), storer.clone());
        tokio::spawn(async move {
            for _ in 0..25 {
                let reply = host
                    .invoke(&storer, call_by("alice", "add", ()))
                    .await
                    .unwrap();
                assert_eq!(said(&reply).0, "final");
            }
        })
    });
    for done in loops.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    let keys = host.kv(&id("alice"), storer.name()).unwrap();
    assert_eq!(keys.get("sum").await.unwrap().unwrap(), b"200");
}

#[tokio::test]
async fn a_call_reads_once_and_writes_what_it_changed() {
    let store = Arc::<Counted>::default();
    let host = with_people(builder().kv_store(Arc::clone(&store) as _)).await;
    let counter = host.load(Guest::Counter.package()).await.unwrap();
    let hello = host.load(Guest::Hello.package()).await.unwrap();
    store.taken();
    for (capsule, action, expected) in [
        (&counter, "look", (1, 0)),
        (&counter, "count", (1, 1)),
        // The compare-and-swap of what is there reads it again, in the host.
        (&counter, "count", (2, 1)),
        (&counter, "look", (1, 0)),
        (&counter, "nope", (0, 0)),
        (&hello, "greet", (0, 0)),
    ] {
        let call = call_by("alice", action, json!({ "name": "Ada" }));
        let _ = host.invoke(capsule, call).await;
        assert_eq!(store.taken(), expected, "{action}");
    }
}

#[tokio::test]
async fn calls_at_once_lose_nothing() {
    let host = host().await;
    let manifest = format!("{}\n[runtime]\nordered = false\n", Guest::Keeper.manifest());
    let keeper = host
        .load(Guest::Keeper.package_with(&manifest))
        .await
        .unwrap();
    let calls = (0..8).map(|_| {
        let (host, keeper) = (host.clone(), keeper.clone());
        tokio::spawn(async move {
            let mut counted = 0;
            for _ in 0..25 {
                let reply = host.invoke(&keeper, call_by("alice", "add", ())).await;
                match said(&reply.unwrap()) {
                    ("final", _) => counted += 1,
                    (_, reason) => {
                        let reason = reason.as_str().unwrap().to_owned();
                        assert!(reason.starts_with("StateConflict: "), "{reason}");
                    }
                }
            }
            counted
        })
    });
    let mut counted = 0;
    for call in calls.collect::<Vec<_>>() {
        counted += call.await.unwrap();
    }
    assert!(counted > 100, "{counted} of 200");
    assert_eq!(answer(&host, &keeper, "alice", "look").await[0], counted);
}

#[tokio::test]
async fn an_upgrade_hook_migrates_what_its_predecessor_wrote() {
    let host = host().await;
    let install = async |version| {
        let manifest = Guest::Keeper.manifest().replace("0.1.0", version);
        let alone = host.home().lock_exclusive().unwrap();
        let package = Guest::Keeper.package_with(&manifest);
        host.install(&alone, package, "a test", &id("alice")).await
    };
    install("0.1.0").await.unwrap();
    let name = "keeper".parse().unwrap();
    let keys = host.kv(&id("alice"), &name).unwrap();
    keys.set("__state", br#"{"visits":"3"}"#.to_vec())
        .await
        .unwrap();
    install("0.2.0").await.unwrap();
    let stored = keys.get("__state").await.unwrap().unwrap();
    assert_eq!(stored, br#"{"visits":3,"names":[]}"#);
    let keeper = host.load_installed(&name).await.unwrap();
    assert_eq!(answer(&host, &keeper, "alice", "visit").await, 4);
}

#[tokio::test]
pub(crate) async fn what_a_published_capsule_kept_is_found() {
    let all = published::all();
    for guest in all.iter().filter(|guest| guest.program == "keeper") {
        let host = host().await;
        let theirs = host.load(guest.package()).await.unwrap();
        for (principal, visits) in [("alice", 1), ("bob", 1), ("alice", 2)] {
            let said = answer(&host, &theirs, principal, "visit").await;
            assert_eq!(said, visits, "{guest}");
        }
        let failed = answer(&host, &theirs, "alice", "fail").await;
        assert!(
            failed.as_str().unwrap().contains("Ada"),
            "{guest}: {failed}"
        );
        assert_eq!(answer(&host, &theirs, "alice", "settle").await, 2);
        host.unload(&theirs);

        let ours = host.load(Guest::Keeper.package()).await.unwrap();
        let look = answer(&host, &ours, "alice", "look").await;
        assert_eq!(look, json!([2, ["Ada", "Ada"]]), "{guest}");
        let cities = answer(&host, &ours, "alice", "cities").await;
        assert_eq!(
            cities,
            json!([{ "city": "Ada" }, { "city": "Ada" }]),
            "{guest}"
        );
        assert_eq!(answer(&host, &ours, "alice", "visit").await, 3, "{guest}");
        host.unload(&ours);

        let theirs = host.load(guest.package()).await.unwrap();
        assert_eq!(answer(&host, &theirs, "alice", "visit").await, 4, "{guest}");
    }
}

#[tokio::test]
pub(crate) async fn notes_are_each_principals_own() {
    let (host, notes) = loaded(Guest::Notes).await;
    let tool = async |principal, name: &str, arguments: Value| {
        let payload = json!({ "call_id": "1", "arguments": arguments });
        let call = call_by(principal, &format!("tool_execute_{name}"), payload);
        let (_, said) = said(&host.invoke(&notes, call).await.unwrap());
        let content = said["result"]["content"].as_str().unwrap();
        serde_json::from_str::<Value>(content).unwrap_or_default()
    };
    for text in ["milk", "bread", "oat milk"] {
        tool("alice", "add", json!({ "text": text })).await;
    }
    tool("bob", "add", json!({ "text": "milk" })).await;
    let page = tool("alice", "list", json!({ "limit": 2 })).await;
    assert_eq!(
        (&page["notes"][1]["text"], &page["next"]),
        (&json!("bread"), &json!(2))
    );
    let found = tool("alice", "search", json!({ "text": "MILK" })).await;
    let found: Vec<_> = found["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| &note["id"])
        .cloned()
        .collect();
    assert_eq!(found, [1, 3]);
    tool("alice", "delete", json!({ "id": 1 })).await;
    let of_bob = tool("bob", "list", json!({})).await;
    assert_eq!(of_bob, json!({ "notes": [{ "id": 1, "text": "milk" }] }));
    let reply = ask(&host, &notes, "tool_describe", json!({}))
        .await
        .unwrap();
    assert_eq!(said(&reply).1["tools"].as_array().unwrap().len(), 4);
}
