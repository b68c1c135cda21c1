//! Calls that are answered, or refused at the door.

use astrid_e2e::guests::Guest;
use astrid_host::call::{InvalidCall, MAX_PAYLOAD};
use astrid_host::principal::PrincipalError;
use astrid_host::{Call, CallError};
use serde_json::json;

use crate::common::{ask, builder, call, call_by, fresh, host, id, loaded, said, with_people};

#[tokio::test]
pub(crate) async fn a_payload_comes_back_as_it_was() {
    let (host, noop) = loaded(Guest::Noop).await;
    let payload = json!({ "text": "Grüße 🌍\u{0}", "list": [1, -2.5, null, true], "empty": {} });
    let reply = ask(&host, &noop, "echo", &payload).await.unwrap();
    assert_eq!(said(&reply), ("final", payload));
    let reply = ask(&host, &noop, "noop", ()).await.unwrap();
    assert_eq!(said(&reply), ("continue", json!(null)));
}

#[tokio::test]
async fn a_reply_says_what_the_call_took() {
    let (host, noop) = loaded(Guest::Noop).await;
    let reply = ask(&host, &noop, "noop", ()).await.unwrap();
    assert!(reply.memory_peak >= 64 * 1024, "{}", reply.memory_peak);
    assert_eq!(reply.memory_peak % (64 * 1024), 0);
    assert!(!reply.elapsed.is_zero());
}

#[tokio::test]
async fn a_pool_serves_as_well() {
    let home = astrid_host::Home::ephemeral().unwrap();
    let host = with_people(astrid_host::Host::builder().home(home)).await;
    let noop = host.load(Guest::Noop.package()).await.unwrap();
    let reply = ask(&host, &noop, "echo", 1).await.unwrap();
    assert_eq!(said(&reply), ("final", json!(1)));
}

#[tokio::test]
async fn an_instance_serves_its_principal_again() {
    let (host, noop) = loaded(Guest::Noop).await;
    let by = async |principal| {
        let call = call_by(principal, "noop", ());
        host.invoke(&noop, call).await.unwrap()
    };
    let (first, second) = (by("alice").await, by("alice").await);
    let (other, third) = (by("bob").await, by("alice").await);
    assert_eq!(
        fresh([&first, &second, &other, &third]),
        [true, false, true, false]
    );
}

#[tokio::test]
pub(crate) async fn what_one_principal_said_no_other_hears() {
    let (host, capsule) = loaded(Guest::Rememberer).await;
    let by = async |principal, action, payload| {
        let call = call_by(principal, action, payload);
        said(&host.invoke(&capsule, call).await.unwrap())
    };
    by("alice", "remember", "my secret").await;
    by("alice", "remember", "another").await;
    assert_eq!(by("bob", "recall", "").await, ("final", json!([])));
    assert_eq!(
        by("alice", "recall", "").await,
        ("final", json!(["my secret", "another"])),
        "the instance kept it, so nobody else may ask it"
    );
}

#[tokio::test]
async fn isolation_is_as_the_manifest_says() {
    for (isolation, alice, bob) in [
        ("principal", json!(["x"]), json!([])),
        ("call", json!([]), json!([])),
        ("shared", json!(["x"]), json!(["x"])),
    ] {
        let manifest = format!(
            "{}\n[runtime]\nisolation = \"{isolation}\"\n",
            Guest::Rememberer.manifest()
        );
        let host = with_people(builder()).await;
        let capsule = host
            .load(Guest::Rememberer.package_with(&manifest))
            .await
            .unwrap();
        let by = async |principal, action| {
            let call = call_by(principal, action, "x");
            said(&host.invoke(&capsule, call).await.unwrap()).1
        };
        by("alice", "remember").await;
        assert_eq!(by("alice", "recall").await, alice, "{isolation}");
        assert_eq!(by("bob", "recall").await, bob, "{isolation}");
    }
}

#[tokio::test]
async fn an_action_that_is_not_listed_does_not_reach_the_guest() {
    let (host, noop) = loaded(Guest::Noop).await;
    let error = ask(&host, &noop, "ecko", 1).await.unwrap_err();
    assert_eq!(error.kind(), "not-found");
    assert_eq!(error.hint().unwrap(), "did you mean echo?");
    assert!(
        matches!(&error, CallError::NoHandler { action, known, .. } if action == "ecko" && known == &["echo", "noop"]),
        "{error:?}"
    );
    let next = ask(&host, &noop, "echo", 1).await.unwrap();
    assert_eq!(fresh([&next]), [true], "no instance was made for it");
}

#[tokio::test]
async fn a_payload_of_the_largest_size_passes_and_no_larger_one() {
    let (host, noop) = loaded(Guest::Noop).await;
    let largest = "x".repeat(MAX_PAYLOAD - 2);
    let reply = ask(&host, &noop, "echo", &largest).await.unwrap();
    assert_eq!(said(&reply), ("final", json!(largest)));
    let larger = Call::json("echo", &format!("{largest}x"));
    assert!(matches!(larger, Err(InvalidCall::Payload(_))));
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_denied_and_costs_no_instance() {
    let (host, capsule) = loaded(Guest::HugeAnswer).await;
    let reply = ask(&host, &capsule, "answer", json!({ "bytes": "many" }))
        .await
        .unwrap();
    let (word, reason) = said(&reply);
    assert_eq!(word, "deny");
    assert!(reason.as_str().unwrap().contains("usize"), "{reason}");
    let next = ask(&host, &capsule, "behave", ()).await.unwrap();
    assert_eq!(fresh([&next]), [false]);
}

#[tokio::test]
async fn only_an_enabled_principal_is_called_for() {
    let (host, noop) = loaded(Guest::Noop).await;
    let by = async |principal| host.invoke(&noop, call_by(principal, "noop", ())).await;

    let unknown = by("carol").await.unwrap_err();
    assert_eq!(unknown.kind(), "not-found");
    assert_eq!(
        unknown.hint().unwrap(),
        "add it with: astrid principal add carol"
    );

    by("bob").await.unwrap();
    host.principals().disable(&id("bob")).unwrap();
    let disabled = by("bob").await.unwrap_err();
    assert!(
        matches!(disabled, CallError::Principal(PrincipalError::Disabled(_))),
        "{disabled}"
    );
    assert_eq!(disabled.kind(), "disabled");
    by("alice").await.unwrap();
}

#[tokio::test]
async fn an_unloaded_capsule_answers_nobody() {
    let (host, noop) = loaded(Guest::Noop).await;
    ask(&host, &noop, "noop", ()).await.unwrap();
    host.unload(&noop);
    assert!(host.capsules().is_empty());
    let error = host.invoke(&noop, call("noop", ())).await.unwrap_err();
    assert_eq!(error.kind(), "unloaded");
    assert_eq!(host.memory_used(), 0, "its idle instance is gone");
    host.load(Guest::Noop.package()).await.unwrap();
}

#[tokio::test]
async fn a_capsule_is_loaded_once() {
    let (host, noop) = loaded(Guest::Noop).await;
    let error = host.load(Guest::Noop.package()).await.unwrap_err();
    assert_eq!(error.kind(), "loaded");
    assert_eq!(host.capsules().len(), 1);
    ask(&host, &noop, "noop", ()).await.unwrap();
}

/// Code is there once, whichever of them it was compiled for, and for as long as one of them is loaded.
#[tokio::test]
async fn capsules_of_one_component_share_its_code() {
    let host = host().await;
    let load = async |name: &str| {
        let name = format!("name = \"{name}\"");
        let manifest = Guest::Noop.manifest().replace("name = \"noop\"", &name);
        host.load(Guest::Noop.package_with(&manifest))
            .await
            .unwrap()
    };
    let first = load("first").await;
    // What is loaded already needs no cache.
    for entry in std::fs::read_dir(host.home().cache_dir()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let entries = || std::fs::read_dir(host.home().cache_dir()).unwrap().count();
    let second = load("second").await;
    assert_eq!(entries(), 0, "it was compiled again");
    host.unload(&first);
    drop(first);
    ask(&host, &second, "noop", ()).await.unwrap();
    let third = load("third").await;
    assert_eq!(entries(), 0, "the second held it, too");
    host.unload(&second);
    host.unload(&third);
    drop((second, third));
    let fourth = load("fourth").await;
    assert_eq!(entries(), 1, "nobody held it any more");
    ask(&host, &fourth, "noop", ()).await.unwrap();
}
