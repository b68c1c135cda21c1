//! What is set for a capsule: seen by its next call, checked against its manifest, and secret where it is a secret.

use std::sync::Arc;

use astrid_e2e::guests::Guest;
use astrid_host::env::EnvError;
use astrid_host::storage::{FileSecrets, SecretError, SecretStore};
use astrid_host::{Capsule, Home, Host, PrincipalId};
use serde_json::{Value, json};

use crate::common::{
    Lines, Sink, builder, call, call_by, configured, fresh, host, id, loaded, said, with_people,
};

const TOKEN: &str = "hush-\"hush\"-token";

async fn read(host: &Host, leaky: &Capsule, principal: &str, key: &str) -> Value {
    let call = call_by(principal, "read", key);
    said(&host.invoke(leaky, call).await.unwrap()).1
}

#[tokio::test]
pub(crate) async fn a_call_sees_what_is_set_by_then() {
    let (host, leaky) = loaded(Guest::Leaky).await;
    let alice = id("alice");
    let set = async |whose, key, values: &[&str]| {
        host.set_env(&leaky, whose, key, values).await.unwrap();
    };
    let seen = async |key| {
        [
            read(&host, &leaky, "alice", key).await,
            read(&host, &leaky, "bob", key).await,
        ]
    };
    assert_eq!(seen("NAME").await, [Value::Null, Value::Null]);
    set(None, "NAME", &["all"]).await;
    assert_eq!(seen("NAME").await, ["all", "all"]);
    set(Some(&alice), "NAME", &["Ada"]).await;
    assert_eq!(seen("NAME").await, ["Ada", "all"]);
    assert!(host.unset_env(&leaky, None, "NAME").await.unwrap());
    assert_eq!(seen("NAME").await, [json!("Ada"), Value::Null]);
    assert!(!host.unset_env(&leaky, None, "NAME").await.unwrap());

    assert_eq!(seen("SIZE").await, ["small", "small"]);
    set(Some(&alice), "SIZE", &["large"]).await;
    set(None, "WORDS", &["a", "b"]).await;
    assert_eq!(seen("SIZE").await, ["large", "small"]);
    assert_eq!(seen("WORDS").await, [r#"["a","b"]"#, r#"["a","b"]"#]);

    let set = async |whose, value| {
        let set = host.set_secret(&leaky, whose, "TOKEN", value);
        set.await.unwrap();
    };
    set(None, "everyone's").await;
    set(Some(&alice), "her own").await;
    assert_eq!(seen("TOKEN").await, ["her own", "everyone's"]);
    let unset = host.unset_secret(&leaky, Some(&alice), "TOKEN");
    assert!(unset.await.unwrap());
    assert_eq!(seen("TOKEN").await, ["everyone's", "everyone's"]);

    // An instance outlasts all of it.
    let replies = [
        host.invoke(&leaky, call("read", "NAME")).await.unwrap(),
        host.invoke(&leaky, call_by("alice", "read", "NAME"))
            .await
            .unwrap(),
    ];
    assert_eq!(fresh(replies.each_ref()), [true, false]);
}

#[tokio::test]
async fn what_does_not_fit_the_manifest_is_refused_and_changes_nothing() {
    let (host, leaky) = loaded(Guest::Leaky).await;
    let refused = async |key, values: &[&str]| {
        let alice = id("alice");
        let set = host.set_env(&leaky, Some(&alice), key, values);
        let error = set.await.unwrap_err();
        (error.to_string(), error.hint())
    };
    for (key, values, message, hint) in [
        (
            "NAM",
            &["x"][..],
            "leaky declares no `NAM`",
            "did you mean `NAME`?",
        ),
        (
            "TOKEN",
            &["x"],
            "is a secret",
            "astrid secret set leaky TOKEN",
        ),
        (
            "SIZE",
            &["lrge"],
            "it is one of small, large",
            "did you mean `large`?",
        ),
        ("NAME", &["a", "b"], "takes one value, and 2", "quotes"),
        ("NAME", &[], "takes one value, and 0", "quotes"),
    ] {
        let (said, hinted) = refused(key, values).await;
        assert!(said.contains(message), "{said}");
        assert!(hinted.contains(hint), "{hinted}");
    }
    let large = "x".repeat(1_100_000);
    let (said, _) = refused("NAME", &[&large]).await;
    assert!(said.contains("more than 1048576 bytes"), "{said}");
    let set = host.set_secret(&leaky, None, "NAME", "x").await;
    assert!(matches!(set, Err(EnvError::NotSecret { .. })), "{set:?}");
    let large = "x".repeat(65_537);
    let set = host.set_secret(&leaky, None, "TOKEN", &large).await;
    assert!(
        matches!(set, Err(EnvError::Store(SecretError::TooLarge))),
        "{set:?}"
    );
    assert_eq!(read(&host, &leaky, "alice", "NAME").await, Value::Null);
    assert_eq!(read(&host, &leaky, "alice", "SIZE").await, "small");
}

/// What is said about calls of a capsule that was given a secret: reasons, errors and lines of log.
async fn said_about(host: &Host, leaky: &Capsule, lines: &Lines, principal: &str) -> Vec<String> {
    let mut all = Vec::new();
    for action in ["log_last", "deny_last", "fail_last", "panic_last"] {
        let answered = host.invoke(leaky, call_by(principal, action, ())).await;
        all.push(match answered {
            Ok(reply) => said(&reply).1.to_string(),
            Err(error) => format!("{error} {error:?}"),
        });
    }
    all.extend(lines.messages());
    all
}

#[tokio::test]
pub(crate) async fn a_secret_is_kept_out_of_what_is_said_about_a_call() {
    let lines = Arc::<Lines>::default();
    let host = with_people(builder().log_sink(Arc::new(Sink(Arc::clone(&lines))))).await;
    let leaky = host.load(Guest::Leaky.package()).await.unwrap();
    host.set_secret(&leaky, None, "TOKEN", TOKEN).await.unwrap();
    // A payload is data: it is what the guest answers.
    assert_eq!(read(&host, &leaky, "alice", "TOKEN").await, TOKEN);
    // What is changed of the principal leaves its instances, and what they were given.
    host.set_env(&leaky, Some(&id("alice")), "NAME", &["Ada"])
        .await
        .unwrap();
    let about = said_about(&host, &leaky, &lines, "alice").await;
    let masked = about.iter().filter(|text| text.contains("[secret TOKEN]"));
    assert_eq!(masked.count(), about.len() - 1, "{about:#?}");
    assert!(
        !about.iter().any(|text| text.contains("hush")),
        "{about:#?}"
    );

    // Another principal's guests were given none: what they say by chance stays.
    host.set_env(&leaky, Some(&id("bob")), "NAME", &[TOKEN])
        .await
        .unwrap();
    assert_eq!(read(&host, &leaky, "bob", "NAME").await, TOKEN);
    let answered = host.invoke(&leaky, call_by("bob", "deny_last", ())).await;
    assert_eq!(said(&answered.unwrap()).1, format!("no: {TOKEN}"));
}

#[tokio::test]
async fn where_memory_is_shared_a_secret_of_one_is_masked_for_all() {
    let lines = Arc::<Lines>::default();
    let host = with_people(builder().log_sink(Arc::new(Sink(Arc::clone(&lines))))).await;
    let manifest = Guest::Leaky.manifest() + "\n[runtime]\nisolation = \"shared\"\n";
    let leaky = host
        .load(Guest::Leaky.package_with(&manifest))
        .await
        .unwrap();
    host.set_secret(&leaky, Some(&id("alice")), "TOKEN", TOKEN)
        .await
        .unwrap();
    read(&host, &leaky, "alice", "TOKEN").await;
    let about = said_about(&host, &leaky, &lines, "bob").await;
    assert!(about.iter().any(|text| text.contains("[secret TOKEN]")));
    assert!(
        !about.iter().any(|text| text.contains("hush")),
        "{about:#?}"
    );
}

#[tokio::test]
async fn whether_a_secret_is_set_is_told_to_verified_callers() {
    let (host, leaky) = loaded(Guest::Leaky).await;
    let is_set = async |principal, key| {
        let call = call_by(principal, "is_set", key);
        said(&host.invoke(&leaky, call).await.unwrap()).1
    };
    assert_eq!(is_set("alice", "TOKEN").await, false);
    host.set_secret(&leaky, Some(&id("alice")), "TOKEN", TOKEN)
        .await
        .unwrap();
    assert_eq!(is_set("alice", "TOKEN").await, true);
    assert_eq!(is_set("bob", "TOKEN").await, false);
    host.set_secret(&leaky, None, "TOKEN", TOKEN).await.unwrap();
    assert_eq!(is_set("bob", "TOKEN").await, true);
    assert_eq!(is_set("bob", "NAME").await, false);
    let refused = is_set("bob", "no/key").await;
    assert!(refused.as_str().unwrap().contains("no secret"), "{refused}");
}

#[tokio::test]
pub(crate) async fn a_run_loop_sees_what_is_set_by_then() {
    let host = host().await;
    let told = host.subscribe(&"reader.v1.told".parse().unwrap()).unwrap();
    let reader = host.load(Guest::Reader.package()).await.unwrap();
    let word = async || {
        // The host itself says so, and the loop is its own principal then.
        let hello = host.load(Guest::Hello.package()).await.unwrap();
        host.unload(&hello);
        let message = told.next().await.unwrap();
        serde_json::from_str::<Value>(message.payload.as_str()).unwrap()
    };
    assert_eq!(word().await, "none");
    host.set_env(&reader, Some(&id("default")), "WORD", &["some"])
        .await
        .unwrap();
    assert_eq!(word().await, "some");
    host.unset_env(&reader, Some(&id("default")), "WORD")
        .await
        .unwrap();
    assert_eq!(word().await, "none");
}

/// A store that is out of reach.
struct Locked;

impl SecretStore for Locked {
    fn get(
        &self,
        _principal: Option<&PrincipalId>,
        _capsule: &astrid_host::manifest::CapsuleName,
        _key: &str,
    ) -> Result<Option<String>, SecretError> {
        Err(SecretError::Other("it is locked".into()))
    }

    fn set(
        &self,
        _principal: Option<&PrincipalId>,
        _capsule: &astrid_host::manifest::CapsuleName,
        _key: &str,
        _value: &str,
    ) -> Result<(), SecretError> {
        Err(SecretError::Other("it is locked".into()))
    }

    fn remove(
        &self,
        _principal: Option<&PrincipalId>,
        _capsule: &astrid_host::manifest::CapsuleName,
        _key: &str,
    ) -> Result<bool, SecretError> {
        Err(SecretError::Other("it is locked".into()))
    }

    fn keys(
        &self,
        _principal: Option<&PrincipalId>,
        _capsule: &astrid_host::manifest::CapsuleName,
    ) -> Result<Vec<String>, SecretError> {
        Err(SecretError::Other("it is locked".into()))
    }
}

#[tokio::test]
async fn a_store_that_is_out_of_reach_is_an_error_of_whoever_asks() {
    let host = with_people(builder().secret_store(Arc::new(Locked))).await;
    let leaky = host.load(Guest::Leaky.package()).await.unwrap();
    let set = host.set_secret(&leaky, None, "TOKEN", TOKEN).await;
    assert!(set.unwrap_err().to_string().contains("it is locked"));
    assert_eq!(read(&host, &leaky, "alice", "TOKEN").await, Value::Null);
    let call = call_by("alice", "is_set", "TOKEN");
    let (word, reason) = said(&host.invoke(&leaky, call).await.unwrap());
    assert_eq!(word, "deny");
    assert!(reason.as_str().unwrap().contains("cannot be asked"));
    assert_eq!(read(&host, &leaky, "alice", "SIZE").await, "small");
}

#[tokio::test]
async fn what_is_not_set_is_told_once_for_each_load() {
    let host = host().await;
    let told = "astrid.v1.onboarding.required".parse().unwrap();
    let told = host.subscribe(&told).unwrap();
    let leaky = host.load(Guest::Leaky.package()).await.unwrap();
    let message = told.next().await.unwrap();
    let payload: Value = serde_json::from_str(message.payload.as_str()).unwrap();
    let field = |key, prompt, description: Option<&str>, field_type| {
        json!({
            "key": key, "prompt": prompt, "description": description, "field_type": field_type,
            "default": null, "placeholder": null,
        })
    };
    let fields = [
        field("NAME", "NAME", Some("no secret"), "Text"),
        field("TOKEN", "The token", None, "Secret"),
    ];
    assert_eq!(
        payload,
        json!({ "type": "onboarding_required", "capsule_id": "leaky", "fields": fields })
    );
    // For whom it was installed, they are set; another principal's values are not theirs.
    let (alice, default) = (id("alice"), id("default"));
    for (whose, key) in [(&alice, "NAME"), (&default, "NAME")] {
        let set = host.set_env(&leaky, Some(whose), key, &["x"]);
        set.await.unwrap();
    }
    host.unload(&leaky);
    let leaky = host.load(Guest::Leaky.package()).await.unwrap();
    let message = told.next().await.unwrap();
    let payload: Value = serde_json::from_str(message.payload.as_str()).unwrap();
    assert_eq!(payload["fields"].as_array().unwrap().len(), 1);
    host.set_secret(&leaky, None, "TOKEN", TOKEN).await.unwrap();
    host.unload(&leaky);
    host.load(Guest::Leaky.package()).await.unwrap();
    host.load(Guest::Hello.package()).await.unwrap();
    assert_eq!(told.poll().unwrap().messages.len(), 0);
}

#[tokio::test]
async fn a_key_that_became_a_secret_leaves_the_values() {
    let host = host().await;
    let alone = host.home().lock_exclusive().unwrap();
    let install = async |secret: bool| {
        let mut manifest = Guest::Leaky.manifest();
        if !secret {
            manifest = manifest.replace("type = \"secret\"", "type = \"text\"");
        }
        let package = Guest::Leaky.package_with(&manifest);
        host.install(&alone, package, "a test", &id("default"))
            .await
            .unwrap();
        let leaky = host.capsules().first().cloned();
        leaky.iter().for_each(|leaky| host.unload(leaky));
        host.load_installed(&"leaky".parse().unwrap())
            .await
            .unwrap()
    };
    let leaky = install(false).await;
    let (alice, bob) = (id("alice"), id("bob"));
    for (whose, value) in [(Some(&alice), "hers-for-long"), (None, "everyone's-own")] {
        host.set_env(&leaky, whose, "TOKEN", &[value])
            .await
            .unwrap();
    }
    host.set_env(&leaky, Some(&alice), "NAME", &["Ada"])
        .await
        .unwrap();
    // One that is set as a secret already, is.
    let secrets = FileSecrets::new(host.home());
    secrets
        .set(Some(&bob), leaky.name(), "TOKEN", "his-secret")
        .unwrap();
    let leaky = install(true).await;
    assert_eq!(read(&host, &leaky, "alice", "TOKEN").await, "hers-for-long");
    assert_eq!(read(&host, &leaky, "bob", "TOKEN").await, "his-secret");
    assert_eq!(read(&host, &leaky, "alice", "NAME").await, "Ada");
    let file = host.home().principal_dir(&alice).join("env/leaky.env.json");
    let left = std::fs::read_to_string(file).unwrap();
    assert!(left.contains("Ada") && !left.contains("hers"), "{left}");
    assert!(!host.home().env_dir().join("leaky.env.json").exists());
    let denied = host.invoke(&leaky, call_by("alice", "deny_last", ())).await;
    assert_eq!(said(&denied.unwrap()).1, "no: Ada");
    read(&host, &leaky, "alice", "TOKEN").await;
    let denied = host.invoke(&leaky, call_by("alice", "deny_last", ())).await;
    assert_eq!(said(&denied.unwrap()).1, "no: [secret TOKEN]");
}

#[tokio::test]
async fn the_operator_chooses_where_secrets_are() {
    for backend in ["files", "keyring"] {
        let config = format!("[secrets]\nbackend = \"{backend}\"\n");
        configured(&config).build().await.unwrap();
    }
    let error = configured("[secrets]\nbackend = \"cloud\"\n")
        .build()
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("cloud"), "{error}");
    // A file of another kind is none.
    let home = Home::ephemeral().unwrap();
    let config = home.root().join("etc/config.toml");
    std::fs::create_dir(&config).unwrap();
    let error = Host::builder().home(home).build().await.err().unwrap();
    assert!(error.to_string().contains("no regular file"), "{error}");
}
