//! What the host itself says, to subscriptions and to handlers: what it loads, and what keeps failing.

use std::sync::Arc;

use astrid_e2e::guests::Guest;
use astrid_host::bus::{Attribution, Message, Subscription};
use astrid_host::manifest::CapsuleName;
use astrid_host::{Capsule, Host};
use serde_json::{Value, json};

use crate::common::{ask, call_by, host, id, said};

async fn next(told: &Subscription) -> (String, Value) {
    let message: Arc<Message> = told.next().await.unwrap();
    assert_eq!(message.attribution, Attribution::System);
    let payload = serde_json::from_str(message.payload.as_str()).unwrap();
    (message.topic.to_string(), payload)
}

/// The observer, which counts events of a topic instead of prompts, loaded.
async fn counting(host: &Host, topic: &str) -> Capsule {
    let manifest = Guest::Observer.manifest().replace("user.v1.prompt", topic);
    host.load(Guest::Observer.package_with(&manifest))
        .await
        .unwrap()
}

/// How many it has counted for its owner.
async fn counted(host: &Host, counter: &Capsule) -> Value {
    assert!(host.drain(std::time::Duration::from_secs(60)).await);
    let (word, seen) = said(&ask(host, counter, "seen", ()).await.unwrap());
    assert_eq!(word, "final");
    seen["user.v1.prompt"].clone()
}

#[tokio::test]
async fn what_is_loaded_and_unloaded() {
    let host = host().await;
    let counter = counting(&host, "astrid.v1.lifecycle.capsule_unloaded").await;
    let told = host.subscribe(&"astrid.v1.*".parse().unwrap()).unwrap();
    let hello = host.load(Guest::Hello.package()).await.unwrap();
    let about = json!({
        "capsule_id": "hello", "version": "0.1.0", "session": hello.session().to_string(),
    });
    let loaded = "astrid.v1.lifecycle.capsule_loaded".to_owned();
    assert_eq!(next(&told).await, (loaded, about.clone()));
    host.unload(&hello);
    host.unload(&hello);
    let unloaded = "astrid.v1.lifecycle.capsule_unloaded".to_owned();
    assert_eq!(next(&told).await, (unloaded, about));
    assert_eq!(counted(&host, &counter).await, 1);
}

#[tokio::test]
async fn when_all_that_is_installed_is_loaded() {
    let host = host().await;
    let alone = host.home().lock_exclusive().unwrap();
    for guest in [Guest::Hello, Guest::Noop] {
        host.install(&alone, guest.package(), "a test", &id("default"))
            .await
            .unwrap();
    }
    let noop = CapsuleName::parse("noop").unwrap();
    let hash = Guest::Noop.package().hash().clone();
    std::fs::write(host.home().binary(hash.as_str()), "something else").unwrap();
    let told = host
        .subscribe(&"astrid.v1.capsules_loaded".parse().unwrap())
        .unwrap();
    host.load_all_installed(std::time::Duration::ZERO)
        .await
        .unwrap();
    let (_, said) = next(&told).await;
    assert_eq!(said["loaded"], json!(["hello"]));
    assert_eq!(said["failed"][0]["capsule_id"], "noop");
    let failed = host.failed();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].0, noop);
    assert_eq!(said["failed"][0]["reason"], failed[0].1);
}

#[tokio::test]
async fn when_a_capsule_is_not_called_for_somebody_any_more() {
    let host = host().await;
    let counter = counting(&host, "astrid.v1.health.failed").await;
    let told = host
        .subscribe(&"astrid.v1.health.*".parse().unwrap())
        .unwrap();
    let capsule = host.load(Guest::Panic.package()).await.unwrap();
    for _ in 0..6 {
        let bad = call_by("alice", "misbehave", ());
        host.invoke(&capsule, bad).await.unwrap_err();
    }
    let (_, said) = next(&told).await;
    assert_eq!(said["capsule_id"], "panic");
    assert_eq!(said["part"], "handlers");
    assert_eq!(said["principal"], "alice");
    assert!(said["reason"].as_str().unwrap().contains("on purpose"));
    assert!(said["retry_in_ms"].as_u64().unwrap() >= 2_000, "{said}");
    assert_eq!(counted(&host, &counter).await, 1);
}

#[tokio::test(start_paused = true)]
async fn when_a_run_loop_failed_and_is_given_up() {
    let host = host().await;
    let told = host
        .subscribe(&"astrid.v1.health.*".parse().unwrap())
        .unwrap();
    let capsule = host.load(Guest::FailingLoop.package()).await.unwrap();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let (_, said) = next(&told).await;
        assert_eq!(said["part"], "run-loop");
        pauses.push(said["retry_in_ms"].clone());
    }
    let pauses = json!(pauses);
    assert_eq!(pauses, json!([2_000, 4_000, 8_000, 16_000, 32_000, null]));
    assert_eq!(capsule.restarts(), 5);
}
