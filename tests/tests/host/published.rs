//! Capsules made with the published SDK: what they really export, and that they run.

use std::collections::BTreeMap;

use astrid_e2e::published::{self, Published};
use astrid_host::exports::{self, EntryPoint};
use serde_json::json;

use crate::common::{ask, host, said};

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
    assert_eq!(all.len(), 16, "two versions, four programs, two profiles");
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

#[tokio::test]
async fn what_is_not_served_is_named_before_anything_runs() {
    let run_only = published::all()
        .into_iter()
        .filter(|guest| guest.program == "run-only");
    for guest in run_only {
        let error = host().await.load(guest.package()).await.unwrap_err();
        assert_eq!(error.kind(), "import", "{guest}");
        assert!(
            error.to_string().contains("astrid:ipc/host@1.0.0"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("astrid:ipc"), "{error}");
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
