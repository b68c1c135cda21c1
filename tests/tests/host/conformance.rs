//! The real host answers as the host in memory does: one guest, one list of cases.

use std::collections::BTreeSet;
use std::sync::Arc;

use astrid_e2e::guests::Guest;
use astrid_host::capsule::Readiness;
use astrid_host::storage::LogLevel;
use astrid_host::topic::TopicPattern;
use astrid_host::{Call, Verdict};
use conformance::{
    ASK, CAPABILITIES, CASES, DENIED, ENV, FILES, GREETING, LINKS, LOG, LOGS, LOOP_EXPECTED,
    LOOP_REPORT, NOT_SET, PRINCIPAL, REASON, REFUSED, SECRET, STATE,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{
    DIRECT, LONG, Lines, Sink, builder, call_by, configured, host, id, loaded, said, with_people,
};

#[tokio::test]
pub(crate) async fn each_case_is_answered_as_expected() {
    let workspace = workspace();
    let host = with_people(configured(DIRECT).workspace(workspace.path())).await;
    let capsule = host.load(Guest::Conformance.package()).await.unwrap();
    let (key, value) = SECRET;
    host.set_secret(&capsule, Some(&id(PRINCIPAL)), key, value)
        .await
        .unwrap();
    // Its loop has subscribed by then, and does no more.
    assert_eq!(capsule.wait_ready(LONG).await, Readiness::Ready);
    for case in CASES.iter().copied().flatten() {
        let asked = host.invoke(&capsule, call_by(PRINCIPAL, ASK, case.name));
        let reply = asked.await.unwrap();
        let expected = ("final", json!(case.expected));
        assert_eq!(said(&reply), expected, "{}", case.name);
    }
}

/// A workspace with what has to be in it beforehand.
fn workspace() -> TempDir {
    let workspace = tempfile::tempdir().unwrap();
    let at = |path: &str| {
        let path = workspace.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    for (path, contents) in FILES {
        std::fs::write(at(path), contents).unwrap();
    }
    for (path, target) in LINKS {
        std::os::unix::fs::symlink(target, at(path)).unwrap();
    }
    workspace
}

#[tokio::test]
async fn a_run_loop_is_told_of_a_caller_only_after_a_message() {
    let host = host().await;
    let reports = TopicPattern::parse(LOOP_REPORT).unwrap();
    let reports = host.subscribe(&reports).unwrap();
    host.load(Guest::Conformance.package()).await.unwrap();
    let report = reports.next().await.unwrap();
    let value = |text| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(value(report.payload.as_str()), value(LOOP_EXPECTED));
}

#[tokio::test]
async fn a_denial_is_an_answer_however_long_it_is() {
    let (host, capsule) = loaded(Guest::Conformance).await;
    // Each is three bytes of the payload, and eight where it is quoted.
    let payload = "\u{200b}".repeat(340_000);
    for action in DENIED {
        let call = call_by(PRINCIPAL, action, &payload);
        let reply = host.invoke(&capsule, call).await.unwrap();
        let Verdict::Deny(Some(reason)) = reply.verdict else {
            panic!("{action}: no Deny")
        };
        assert!(reason.len() <= REASON, "{action}: {} bytes", reason.len());
        assert!(reason.contains("bytes, cut)"), "{action}: {reason:.200}");
    }
}

#[tokio::test]
async fn what_the_host_lets_nobody_ask_is_refused() {
    let (host, capsule) = loaded(Guest::Conformance).await;
    for (action, payload) in REFUSED {
        if let Ok(call) = Call::raw(action, payload) {
            let answered = host.invoke(&capsule, call.by(&id(PRINCIPAL))).await;
            assert!(answered.is_err(), "{action} {payload}");
        }
    }
}

#[tokio::test]
async fn the_state_is_what_it_must_be_after_each_call() {
    let (host, capsule) = loaded(Guest::Conformance).await;
    for (number, (action, verdict, data)) in STATE.into_iter().enumerate() {
        let call = call_by(PRINCIPAL, action, ());
        let reply = host.invoke(&capsule, call).await.unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(said(&reply), (verdict, data), "{number}");
    }
}

#[tokio::test]
async fn the_guest_is_what_the_list_presumes() {
    let (_host, capsule) = loaded(Guest::Conformance).await;
    let manifest = capsule.manifest();
    assert_eq!(manifest.capabilities.held(), CAPABILITIES);
    let env: Vec<_> = manifest
        .env
        .iter()
        .filter_map(|(key, env)| {
            Some((
                key.clone(),
                serde_json::to_value(env.default.as_ref()?).unwrap(),
            ))
        })
        .collect();
    let mut expected = ENV.map(|(key, value)| (key.to_owned(), json!(value)));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(env, expected);
    let handlers = capsule.binary().handlers.iter().flatten();
    let actions: BTreeSet<_> = handlers.map(|handler| handler.action.as_str()).collect();
    let asked = STATE.iter().map(|(action, ..)| *action).chain([ASK]);
    assert_eq!(actions, DENIED.into_iter().chain(asked).collect());
}

#[tokio::test]
async fn log_lines_arrive_in_order_with_whom_they_are_of() {
    let lines = Arc::<Lines>::default();
    let host = with_people(builder().log_sink(Arc::new(Sink(Arc::clone(&lines))))).await;
    let capsule = host.load(Guest::Conformance.package()).await.unwrap();
    host.invoke(&capsule, call_by(PRINCIPAL, ASK, LOG))
        .await
        .unwrap();
    let expected = LOGS.map(|(level, message)| {
        let level: LogLevel = serde_json::from_value(json!(level)).unwrap();
        (
            level,
            PRINCIPAL.to_owned(),
            "conformance".to_owned(),
            message.to_owned(),
        )
    });
    assert_eq!(lines.all(), expected);

    host.flush_logs();
    let folder = host
        .home()
        .principal_dir(&id(PRINCIPAL))
        .join("log/conformance");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert_eq!(files.len(), 1, "a file a day");
    let text = std::fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
    assert_eq!(text.lines().count(), LOGS.len());
}

#[tokio::test]
async fn a_damaged_configuration_refuses_calls_for_its_principal() {
    let host = with_people(builder()).await;
    let env = host.home().principal_dir(&id("bob"));
    let env = env.join("env/conformance.env.json");
    std::fs::write(&env, "{ \"GREETING\": \"Moin\"\n").unwrap();
    let capsule = host.load(Guest::Conformance.package()).await.unwrap();
    let by = async |principal| {
        host.invoke(&capsule, call_by(principal, ASK, GREETING))
            .await
    };
    for _ in 0..2 {
        let error = by("bob").await.unwrap_err();
        assert_eq!(error.kind(), "principal");
        for part in ["bob/env/conformance.env.json", "line 2 column 0"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(error.hint().unwrap().contains("mend"), "{error}");
    }
    assert_eq!(said(&by("alice").await.unwrap()).1, "= Hello");
    std::fs::write(env, r#"{ "GREETING": "Moin" }"#).unwrap();
    assert_eq!(said(&by("bob").await.unwrap()).1, "= Moin");
}

#[tokio::test]
async fn a_principals_own_configuration_outranks_the_manifests() {
    let host = with_people(builder()).await;
    let env = host
        .home()
        .principal_dir(&id("bob"))
        .join("env/conformance.env.json");
    std::fs::write(env, r#"{ "GREETING": "Moin", "NOT_SET": 5 }"#).unwrap();
    let capsule = host.load(Guest::Conformance.package()).await.unwrap();
    let by = async |principal, case| {
        let asked = host.invoke(&capsule, call_by(principal, ASK, case));
        said(&asked.await.unwrap()).1
    };
    assert_eq!(by("bob", GREETING).await, "= Moin");
    assert_eq!(by("bob", NOT_SET).await, "= 5");
    assert_eq!(by("alice", GREETING).await, "= Hello");
}
