//! Events among real capsules: chains, observers, tools, and what stands for a handler that gives no answer.

use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::dispatch::{Conclusion, Event, Outcome, Said};
use astrid_host::manifest::CapsuleName;
use astrid_host::topic::TopicPattern;
use astrid_host::{Host, PrincipalId};
use serde_json::{Value, json};

use crate::common::{ask, call_by, configured, host, id, said, with_people};

const PROMPT: &str = "user.v1.prompt";

async fn publish(host: &Host, who: &str, topic: &str, payload: Value) -> Outcome {
    let event = Event::json(topic, &payload).unwrap().by(&id(who));
    host.dispatch(event).await.unwrap()
}

async fn prompt(host: &Host, text: &str) -> Outcome {
    publish(host, "alice", PROMPT, json!({ "text": text })).await
}

async fn load(host: &Host, guests: &[Guest]) {
    for guest in guests {
        host.load(guest.package()).await.unwrap();
    }
}

/// Who was asked, and what they said in a word.
fn steps(outcome: &Outcome) -> Vec<(String, &'static str)> {
    let word = |said: &Said| match said {
        Said::Continue => "continue",
        Said::Rewrite => "rewrite",
        Said::Final => "final",
        Said::Deny(_) => "deny",
        Said::Failed(failure) => failure.kind,
        Said::Running => "running",
    };
    let steps = outcome.steps.iter();
    steps
        .map(|step| (step.capsule.to_string(), word(&step.said)))
        .collect()
}

fn owned(steps: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    steps
        .iter()
        .map(|(capsule, word)| ((*capsule).to_owned(), *word))
        .collect()
}

/// A capsule that fails whenever it is asked, in the guard's place.
fn crashing_guard() -> astrid_host::Package {
    let guard = Guest::Guard.manifest();
    let handlers = &guard[guard.find("[subscribe]").unwrap()..];
    let handlers = handlers.replace("\"check\"", "\"misbehave\"");
    let end = handlers[1..]
        .find("\n[")
        .map_or(handlers.len(), |at| at + 1);
    Guest::Panic.package_with(&format!(
        "[package]\nname = \"guard\"\nversion = \"9.0.0\"\n\n{}",
        &handlers[..end]
    ))
}

#[tokio::test]
pub(crate) async fn prompts_are_redacted_guarded_and_answered() {
    let host = host().await;
    // In any order: the priorities of their manifests decide.
    load(&host, &[Guest::Responder, Guest::Guard, Guest::Redact]).await;
    let outcome = prompt(&host, "write to ada@example.com").await;
    assert_eq!(outcome.verdict, Conclusion::Final, "{outcome:?}");
    let expected = [
        ("redact", "rewrite"),
        ("guard", "continue"),
        ("responder", "final"),
    ];
    assert_eq!(steps(&outcome), owned(&expected));
    let answer = outcome.answer.unwrap();
    assert!(
        answer.contains("You said: write to") && !answer.contains("ada@"),
        "{answer}"
    );

    let outcome = prompt(&host, "use ghp_0123456789abcdefghij").await;
    assert_eq!(outcome.verdict, Conclusion::Deny);
    assert_eq!(
        steps(&outcome).last().unwrap(),
        &("guard".to_owned(), "deny")
    );
    assert!(outcome.reason.is_some());
}

#[tokio::test]
async fn a_guard_that_crashes_denies() {
    let host = host().await;
    load(&host, &[Guest::Responder, Guest::Redact]).await;
    host.load(crashing_guard()).await.unwrap();
    let outcome = prompt(&host, "hello").await;
    assert_eq!(outcome.verdict, Conclusion::Deny, "{outcome:?}");
    let expected = [("redact", "continue"), ("guard", "panic")];
    assert_eq!(steps(&outcome), owned(&expected));
    assert!(outcome.reason.unwrap().contains("on purpose"));
}

#[tokio::test]
async fn a_guard_that_is_required_and_missing_denies() {
    let host = with_people(configured(
        "[dispatch.required]\n\"user.v1.prompt\" = [\"guard\"]\n",
    ))
    .await;
    load(&host, &[Guest::Responder, Guest::Redact]).await;
    let outcome = prompt(&host, "hello").await;
    assert_eq!(outcome.verdict, Conclusion::Deny);
    assert!(outcome.reason.unwrap().contains("guard"));
    load(&host, &[Guest::Guard]).await;
    assert_eq!(prompt(&host, "hello").await.verdict, Conclusion::Final);
}

#[tokio::test]
async fn an_installed_guard_that_can_not_be_loaded_denies_all_the_same() {
    for reloaded in [false, true] {
        a_guard_that_can_not_be_loaded(reloaded).await;
    }
}

/// By `reload` a running host loads what was just installed, or could not be loaded before.
async fn a_guard_that_can_not_be_loaded(reloaded: bool) {
    let host = host().await;
    let alone = host.home().lock_exclusive().unwrap();
    let owner = PrincipalId::default_principal();
    let package = Guest::Guard.package();
    let hash = package.hash().to_string();
    host.install(&alone, package, "a test", &owner)
        .await
        .unwrap();
    load(&host, &[Guest::Responder]).await;
    std::fs::write(host.home().binary(&hash), "other bytes").unwrap();
    let name = CapsuleName::parse("guard").unwrap();
    let load = async || match reloaded {
        false => host.load_installed(&name).await,
        true => host.reload(&name, Duration::from_secs(60)).await,
    };
    load().await.unwrap_err();
    let outcome = prompt(&host, "hello").await;
    assert_eq!(outcome.verdict, Conclusion::Deny, "{outcome:?}");
    assert_eq!(steps(&outcome), owned(&[("guard", "not-loaded")]));
    assert_eq!(host.failed()[0].0, name);

    host.install(&alone, Guest::Guard.package(), "a test", &owner)
        .await
        .unwrap();
    load().await.unwrap();
    assert_eq!(prompt(&host, "hello").await.verdict, Conclusion::Final);
    assert!(host.failed().is_empty());
    // A load that works goes on.
    std::fs::write(host.home().binary(&hash), "other bytes").unwrap();
    load().await.unwrap_err();
    assert_eq!(prompt(&host, "hello").await.verdict, Conclusion::Final);
}

#[tokio::test]
async fn what_is_unloaded_is_not_asked() {
    let host = host().await;
    load(&host, &[Guest::Responder]).await;
    let guard = host.load(Guest::Guard.package()).await.unwrap();
    assert_eq!(prompt(&host, "hello").await.steps.len(), 2);
    host.unload(&guard);
    // A second time does nothing, nor to who has its name now.
    let again = host.load(Guest::Guard.package()).await.unwrap();
    host.unload(&guard);
    assert_eq!(prompt(&host, "hello").await.steps.len(), 2);
    host.unload(&again);
    assert_eq!(prompt(&host, "hello").await.steps.len(), 1);
}

#[tokio::test]
pub(crate) async fn an_observer_sees_and_changes_nothing() {
    let host = host().await;
    load(&host, &[Guest::Responder]).await;
    let observer = host.load(Guest::Observer.package()).await.unwrap();
    for _ in 0..3 {
        let outcome = prompt(&host, "hello").await;
        assert_eq!(outcome.verdict, Conclusion::Final);
        assert_eq!(outcome.steps.len(), 2, "{outcome:?}");
    }
    assert!(host.drain(Duration::from_secs(60)).await);
    let seen = host.invoke(&observer, call_by("alice", "seen", ())).await;
    assert_eq!(said(&seen.unwrap()).1, json!({ "user.v1.prompt": 3 }));
    let others = host.invoke(&observer, call_by("bob", "seen", ())).await;
    assert_eq!(said(&others.unwrap()).1, json!({}), "alice's is hers");
}

#[tokio::test]
pub(crate) async fn a_tool_answers_and_publishes_its_result() {
    let host = host().await;
    let tool = host.load(Guest::WeatherTool.package()).await.unwrap();
    let results = TopicPattern::parse("tool.v1.execute.forecast.result").unwrap();
    let results = host.subscribe(&results).unwrap();
    let request = json!({
        "type": "tool_execute_request", "call_id": "c1", "tool_name": "forecast",
        "arguments": { "city": "Oslo" },
    });
    let outcome = publish(&host, "alice", "tool.v1.execute.forecast", request).await;
    assert_eq!(outcome.verdict, Conclusion::Final, "{outcome:?}");
    let answer: Value = serde_json::from_str(&outcome.answer.unwrap()).unwrap();
    assert_eq!(answer["call_id"], "c1");
    assert_eq!(answer["result"]["is_error"], false);
    let message = results.next().await.unwrap();
    let published: Value = serde_json::from_str(message.payload.as_str()).unwrap();
    assert_eq!(published, answer);
    assert_eq!(message.attribution.principal(), Some(&id("alice")));
    assert_eq!(message.source, tool.session());
}

#[tokio::test]
async fn tools_are_seen_and_called_across_capsules() {
    let host = host().await;
    load(&host, &[Guest::Noop, Guest::WeatherTool]).await;
    let alice = id("alice");
    let tools = host.tools(&alice).await;
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["cities", "forecast"]);
    assert_eq!(tools[1].input_schema["required"], json!(["city"]));
    assert!(tools[1].description.starts_with("Tells the weather"));

    let cities = host.call_tool("cities", &json!({}), &alice).await.unwrap();
    assert!(
        !cities.is_error && cities.content.to_string().contains("Oslo"),
        "{cities:?}"
    );
    let nowhere = json!({ "city": "Atlantis" });
    let answer = host.call_tool("forecast", &nowhere, &alice).await.unwrap();
    assert!(answer.is_error, "{answer:?}");
    let error = host
        .call_tool("citys", &json!({}), &alice)
        .await
        .unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean cities?");
    // Two that offer the same: nobody decides which.
    let twin = Guest::WeatherTool
        .manifest()
        .replace("\"weather-tool\"", "\"twin\"");
    host.load(Guest::WeatherTool.package_with(&twin))
        .await
        .unwrap();
    let error = host
        .call_tool("cities", &json!({}), &alice)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("twin and weather-tool")
            || error.to_string().contains("weather-tool and twin"),
        "{error}"
    );
}

#[tokio::test]
pub(crate) async fn a_cycle_ends_by_its_depth() {
    let host = host().await;
    load(&host, &[Guest::Cycle]).await;
    let turns = TopicPattern::parse("cycle.v1.turn").unwrap();
    let turns = host.subscribe(&turns).unwrap();
    publish(&host, "alice", "cycle.v1.turn", json!(null)).await;
    assert!(host.drain(Duration::from_secs(60)).await);
    let mut count = 0;
    while turns.readiness().is_ready() {
        turns.next().await.unwrap();
        count += 1;
    }
    // The first, and one caused by each of eight.
    assert_eq!(count, 9);
}

#[tokio::test]
async fn a_handler_publishes_only_what_its_manifest_lists() {
    let host = host().await;
    let manifest = Guest::Cycle
        .manifest()
        .replace("[publish]\n\"cycle.v1.turn\" = {}\n", "");
    let silent = host
        .load(Guest::Cycle.package_with(&manifest))
        .await
        .unwrap();
    let reply = ask(&host, &silent, "turn", ()).await.unwrap();
    let (word, reason) = said(&reply);
    assert_eq!(word, "deny");
    assert!(reason.to_string().contains("[publish]"), "{reason}");
}

#[tokio::test]
async fn all_are_asked_and_what_they_answer_is_collected() {
    let host = host().await;
    load(&host, &[Guest::Responder, Guest::Guard, Guest::Observer]).await;
    let event = Event::json(PROMPT, &json!({ "text": "hello" })).unwrap();
    let answers = host
        .trigger(event.by(&id("alice")), Duration::from_secs(60))
        .await
        .unwrap();
    let mut names: Vec<_> = answers
        .iter()
        .map(|answer| answer.capsule.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["guard", "observer", "responder"]);
    assert!(
        answers.iter().all(|answer| answer.answer.is_ok()),
        "{answers:?}"
    );
}

#[tokio::test]
async fn an_event_that_nobody_handles_goes_its_way() {
    let host = host().await;
    let outcome = publish(&host, "alice", "nobody.v1.cares", json!({ "a": 1 })).await;
    assert_eq!(outcome.verdict, Conclusion::Continue);
    assert_eq!(outcome.payload.as_str(), r#"{"a":1}"#);
    assert!(outcome.steps.is_empty());
}

#[tokio::test]
async fn an_uplink_answers_no_question_of_its_own() {
    let host = host().await;
    let uplink = async |name: &str| {
        let manifest = Guest::Claimer
            .manifest()
            .replace("\"claimer\"", &format!("{name:?}"));
        let manifest = manifest + "\"astrid.v1.*\" = {}\n";
        host.load(Guest::Claimer.package_with(&manifest))
            .await
            .unwrap()
    };
    let (first, second) = (uplink("first").await, uplink("second").await);
    let say = async |uplink, topic: &str, payload: Value| {
        let call = call_by("alice", "say", (topic, payload));
        said(&host.invoke(uplink, call).await.unwrap()).0
    };
    for (topic, question) in [
        (
            "astrid.v1.approval",
            json!({ "type": "approval_required", "request_id": "r1", "action": "rm" }),
        ),
        (
            "astrid.v1.elicit",
            json!({ "type": "elicit_request", "request_id": "r2" }),
        ),
        (
            "astrid.v1.approval",
            json!({ "type": "custom", "data": { "request_id": "r3" } }),
        ),
        (
            "astrid.v1.elicit",
            json!({ "correlation_id": "r4", "body": null }),
        ),
    ] {
        let id = ["r1", "r2", "r3", "r4"]
            .into_iter()
            .find(|id| question.to_string().contains(id));
        let answers = format!("{topic}.response.{}", id.unwrap());
        let answer = || json!({ "decision": "approve" });
        assert_eq!(say(&first, topic, question).await, "continue", "{answers}");
        assert_eq!(say(&first, &answers, answer()).await, "deny", "{answers}");
        assert_eq!(
            say(&second, &answers, answer()).await,
            "continue",
            "{answers}"
        );
    }
    let other = "astrid.v1.approval.response.of-another";
    assert_eq!(say(&first, other, json!(1)).await, "continue");
}
