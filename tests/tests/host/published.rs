//! Capsules made with the published SDK: what they really export, and that they run.

use std::collections::BTreeMap;
use std::time::Duration;

use astrid_e2e::published::{self, Published};
use astrid_host::Package;
use astrid_host::capsule::Readiness;
use astrid_host::dispatch::Event;
use astrid_host::exports::{self, EntryPoint};
use astrid_host::package::ComponentHash;
use astrid_host::topic::TopicPattern;
use serde_json::json;

use crate::common::{ask, host, id, said};

/// The entry points that the author of each program wrote. A program that isn't here fails its test.
fn written(program: &str) -> &'static [EntryPoint] {
    match program {
        "hook-only" => &[EntryPoint::HookTrigger],
        "run-only" => &[EntryPoint::HookTrigger, EntryPoint::Run],
        "lifecycle" => &[
            EntryPoint::HookTrigger,
            EntryPoint::Install,
            EntryPoint::Upgrade,
        ],
        "talker" | "keeper" => &[EntryPoint::HookTrigger],
        "install-only" => &[EntryPoint::HookTrigger, EntryPoint::Install],
        _ => panic!("say here what {program} really exports"),
    }
}

/// The ones with only a hook, in every version and profile.
fn hooks() -> impl Iterator<Item = Published> {
    published::all()
        .into_iter()
        .filter(|guest| guest.program == "hook-only")
}

#[test]
fn stubs_are_told_from_what_the_author_wrote() {
    let all = published::all();
    assert_eq!(all.len(), 24, "two versions, six programs, two profiles");
    for guest in all {
        let binary = exports::analyse(&guest.component()).unwrap();
        let judged: BTreeMap<_, _> = EntryPoint::ALL
            .map(|entry| (entry, binary.is_real(entry)))
            .into();
        let expected: BTreeMap<_, _> = EntryPoint::ALL
            .map(|entry| (entry, written(&guest.program).contains(&entry)))
            .into();
        // A hook's entry point is always taken for real: asking a stub only says that the action is unknown.
        assert_eq!(judged, expected, "{guest}: {:#?}", binary.entry_points);
        assert_eq!(
            binary.entry_points.len(),
            4,
            "{guest}: stubs are exported too"
        );
        assert_eq!((binary.sdk, binary.handlers), (None, None), "{guest}");
    }
}

#[tokio::test]
async fn a_hook_is_called() {
    for guest in hooks() {
        let host = host().await;
        let capsule = host.load(guest.package()).await.unwrap();
        let payload = json!({ "text": "Grüße" });
        let reply = ask(&host, &capsule, "measure", payload).await.unwrap();
        let expected = json!({ "characters": 5, "upper": "GRÜSSE" });
        assert_eq!(said(&reply), ("continue", expected), "{guest}");
    }
}

#[tokio::test]
async fn only_the_guest_knows_its_actions() {
    for guest in hooks() {
        let host = host().await;
        let capsule = host.load(guest.package()).await.unwrap();
        let reply = ask(&host, &capsule, "nope", ()).await.unwrap();
        assert_eq!(
            said(&reply),
            ("deny", json!("unknown hook action: nope")),
            "{guest}"
        );
        let reply = ask(&host, &capsule, "measure", 5).await.unwrap();
        assert_eq!(said(&reply).0, "deny", "{guest}");
    }
}

/// A published guest with more below its `[package]`.
fn with(guest: &Published, rest: &str) -> Package {
    let component = guest.component();
    let hash = ComponentHash::of(&component);
    let manifest = format!("{}{rest}", guest.manifest());
    Package::from_bytes(&manifest, component, hash).unwrap()
}

#[tokio::test]
async fn a_run_loop_and_a_hook_talk_to_each_other() {
    let all = published::all();
    let of = |program| {
        let guests = all.iter().filter(move |guest| guest.program == program);
        guests.collect::<Vec<_>>()
    };
    for (run_only, talker) in of("run-only").into_iter().zip(of("talker")) {
        let host = host().await;
        let done = host
            .subscribe(&TopicPattern::parse("talker.v1.heard").unwrap())
            .unwrap();
        let speaks =
            "[publish]\n\"run-only.v1.answer\" = {}\n[subscribe]\n\"run-only.v1.question\" = {}\n";
        let looping = host.load(with(run_only, speaks)).await.unwrap();
        let hears = "[publish]\n\"talker.v1.heard\" = {}\n[subscribe]\n\"run-only.v1.answer\" = { handler = \"hear\" }\n";
        host.load(with(talker, hears)).await.unwrap();
        let ready = looping.wait_ready(Duration::from_secs(60)).await;
        assert_eq!(ready, Readiness::Ready, "{run_only}");
        let question = Event::json("run-only.v1.question", &json!("what?")).unwrap();
        host.publish(question.by(&id("alice"))).await.unwrap();
        let heard = done.next().await.unwrap();
        assert_eq!(heard.payload.as_str(), "\"heard\"", "{run_only}");
        let attribution = heard.attribution.principal();
        assert_eq!(attribution, Some(&id("alice")), "{run_only}");
    }
}

#[tokio::test]
async fn the_others_load() {
    for guest in published::all() {
        if ["lifecycle", "install-only"].contains(&guest.program.as_str()) {
            host().await.load(guest.package()).await.unwrap();
        }
    }
}
