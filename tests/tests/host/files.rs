//! Capsules with files: those of the workspace, and those of each principal's home.

use std::sync::Arc;
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::Host;
use astrid_host::dispatch::Event;
use serde_json::{Value, json};

use crate::common::{DIRECT, Lines, Sink, builder, configured, host, id, with_people};

/// What a tool answers `alice`, and whether that says what went wrong.
async fn tool(host: &Host, name: &str, arguments: Value) -> (Value, bool) {
    let answer = host.call_tool(name, &arguments, &id("alice")).await;
    let answer = answer.unwrap();
    let content: String = serde_json::from_str(answer.content.as_str()).unwrap();
    let value = serde_json::from_str(&content).unwrap_or_else(|_| json!(content));
    (value, answer.is_error)
}

#[tokio::test]
pub(crate) async fn tools_read_write_edit_list_and_search_the_workspace() {
    let workspace = tempfile::tempdir().unwrap();
    let host = with_people(configured(DIRECT).workspace(workspace.path())).await;
    // Its tools' names are no other example's.
    host.load(Guest::Notes.package()).await.unwrap();
    host.load(Guest::Files.package()).await.unwrap();
    let path = "docs/cities.txt";
    let written = json!({ "path": path, "text": "Oslo\nLisbon\n" });
    let written = tool(&host, "write_file", written).await;
    assert_eq!(written, (json!({ "bytes": 12 }), false));
    let edit = json!({ "path": path, "old": "Lisbon", "new": "Nairobi" });
    assert_eq!(tool(&host, "edit_file", edit).await.0, json!({ "line": 2 }));
    let read = tool(&host, "read_file", json!({ "path": path })).await.0;
    assert_eq!(read, json!({ "text": "Oslo\nNairobi\n", "lines": 2 }));
    let listed = tool(&host, "list_files", json!({ "folder": "docs" }))
        .await
        .0;
    let entry = json!({ "name": "cities.txt", "kind": "file", "bytes": 13 });
    assert_eq!(listed, json!({ "entries": [entry] }));
    let found = tool(&host, "search_files", json!({ "text": "rob" }))
        .await
        .0;
    let line = json!({ "path": "workspace://docs/cities.txt", "line": 2, "text": "Nairobi" });
    assert_eq!(found, json!({ "matches": [line], "complete": true }));
    let (said, is_error) = tool(&host, "read_file", json!({ "path": "home://a" })).await;
    assert!(
        is_error && said.to_string().contains("no grant covers it"),
        "{said}"
    );
}

#[tokio::test]
async fn a_workspace_is_only_read_unless_the_operator_says_otherwise() {
    let workspace = tempfile::tempdir().unwrap();
    std::fs::write(workspace.path().join("a"), "Oslo").unwrap();
    let lines = Arc::<Lines>::default();
    let sink = Arc::new(Sink(Arc::clone(&lines)));
    let builder = builder().log_sink(sink).workspace(workspace.path());
    let host = with_people(builder).await;
    host.load(Guest::Files.package()).await.unwrap();
    let read = tool(&host, "read_file", json!({ "path": "a" })).await;
    assert_eq!(read.0, json!({ "text": "Oslo", "lines": 1 }));
    for path in ["a", "b"] {
        let write = json!({ "path": path, "text": "Lima" });
        let (_, is_error) = tool(&host, "write_file", write).await;
        assert!(is_error);
    }
    assert_eq!(std::fs::read(workspace.path().join("a")).unwrap(), b"Oslo");
    let told = lines.messages();
    assert!(
        told.iter().any(|line| line.contains("mode = \"direct\"")),
        "{told:?}"
    );
}

#[tokio::test]
pub(crate) async fn a_journal_has_a_line_for_each_event_of_its_principal() {
    let host = host().await;
    host.load(Guest::Journal.package()).await.unwrap();
    for (principal, text) in [("alice", "one"), ("alice", "two"), ("bob", "three")] {
        let event = Event::json("user.v1.prompt", &json!({ "text": text })).unwrap();
        host.dispatch(event.by(&id(principal))).await.unwrap();
    }
    assert!(host.drain(Duration::from_secs(60)).await);
    let journal = |principal: &str| -> Vec<Value> {
        let folder = host.home().principal_dir(&id(principal));
        let folder = folder.join("files/journal");
        // The host's midnight may be between two events.
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let texts = files
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap());
        let text: String = texts.collect();
        let lines = text.lines().map(serde_json::from_str::<Value>);
        lines
            .map(|line| line.unwrap()["event"]["text"].clone())
            .collect()
    };
    assert_eq!(journal("alice"), ["one", "two"]);
    assert_eq!(journal("bob"), ["three"]);
}
