//! The tools, on the host in memory.

use super::*;
use astrid_sdk::testing::Host;
use serde_json::{Value, json};

fn host() -> Host {
    Host::new().manifest(include_str!("../Capsule.toml"))
}

/// What a tool answers; an error is a text.
fn call(host: &Host, name: &str, arguments: Value) -> Value {
    let outcome = host.call_tool(&Files, name, &arguments);
    serde_json::from_str(&outcome.content).unwrap_or(Value::String(outcome.content))
}

/// What a tool's error says.
#[track_caller]
fn fails(host: &Host, name: &str, arguments: Value, said: &str) {
    let outcome = host.call_tool(&Files, name, &arguments);
    assert!(outcome.is_error, "{}", outcome.content);
    assert!(outcome.content.contains(said), "{}", outcome.content);
}

#[test]
fn a_file_is_written_with_its_folders_and_read() {
    let host = host();
    let arguments = json!({ "path": "a/b/c.txt", "text": "one\ntwo\n" });
    assert_eq!(call(&host, "write_file", arguments), json!({ "bytes": 8 }));
    let read = call(&host, "read_file", json!({ "path": "a/b/c.txt" }));
    assert_eq!(read, json!({ "text": "one\ntwo\n", "lines": 2 }));
    // It is this principal's until the operator commits it.
    assert_eq!(host.by("bob").file_text("a/b/c.txt"), None);
}

#[test]
fn a_long_file_has_pages() {
    let lines: String = (1..=12).map(|number| format!("line {number}\n")).collect();
    let host = host().file("long", lines);
    let page = |first: usize| {
        let arguments = json!({ "path": "long", "first": first, "lines": 5 });
        let page = call(&host, "read_file", arguments);
        let text = page["text"].as_str().unwrap().to_owned();
        (text.lines().count(), page["next"].as_u64())
    };
    assert_eq!(
        (page(1), page(6), page(11)),
        ((5, Some(6)), (5, Some(11)), (2, None))
    );
    assert_eq!(page(13), (0, None));
    // A page ends with a line, and not after more than 64 KiB.
    let host = host.file("wide", format!("{}\n", "x".repeat(40_000)).repeat(3));
    let wide = call(&host, "read_file", json!({ "path": "wide" }));
    assert_eq!(
        (wide["text"].as_str().unwrap().len(), &wide["next"]),
        (40_001, &json!(2))
    );
    let host = host.file("wider", "é".repeat(50_000));
    let wider = call(&host, "read_file", json!({ "path": "wider" }));
    assert!(
        wider["text"]
            .as_str()
            .unwrap()
            .ends_with("é … (cut: the line has 100000 bytes)")
    );
}

#[test]
fn a_text_that_stands_once_is_replaced() {
    let host = host().file("a", "one\ntwo\nthree two\n");
    let edit = |old: &str| json!({ "path": "a", "old": old, "new": "2" });
    assert_eq!(
        call(&host, "edit_file", edit("three two")),
        json!({ "line": 3 })
    );
    assert_eq!(host.file_text("a").unwrap(), "one\ntwo\n2\n");
    let host = host.file("a", "aaa\n\naa");
    fails(
        &host,
        "edit_file",
        edit("aa"),
        "more than once, in lines 1 and 3",
    );
    fails(&host, "edit_file", edit("b"), "does not stand in the file");
    fails(&host, "edit_file", edit(""), "`old` is empty");
    assert_eq!(host.file_text("a").unwrap(), "aaa\n\naa");
    // Twice is also where one begins in the other.
    let host = host.file("a", "aaa");
    fails(&host, "edit_file", edit("aa"), "more than once");
}

#[test]
fn a_folder_is_listed_page_by_page() {
    let host = host().file("d/b", "xy").folder("d/sub").symlink("d/l", "b");
    let entries = call(&host, "list_files", json!({ "folder": "d" }));
    let expected = json!([
        { "name": "b", "kind": "file", "bytes": 2 },
        { "name": "l", "kind": "link" },
        { "name": "sub", "kind": "folder" },
    ]);
    assert_eq!(entries, json!({ "entries": expected }));
    let many = (0..150).fold(host, |host, number| host.file(format!("m/{number:03}"), ""));
    let page = |after: Option<&str>| {
        let page = call(
            &many,
            "list_files",
            json!({ "folder": "m", "after": after }),
        );
        (
            page["entries"].as_array().unwrap().len(),
            page["next"].clone(),
        )
    };
    assert_eq!(page(None), (100, json!("099")));
    assert_eq!(page(Some("099")), (50, Value::Null));
    let top = call(&many, "list_files", json!({}));
    assert_eq!(top["entries"][0], json!({ "name": "d", "kind": "folder" }));
}

#[test]
fn a_search_finds_lines_below_a_folder() {
    let host = host()
        .file("a/deep/x", "no\nhere is one\n")
        .file("a/y", "one at once, one again\n")
        .file("b", "one")
        .file("a/.hidden/x", "one")
        .file("a/bytes", [b'o', b'n', b'e', 0xff])
        .file("a/large", "one".repeat(400_000))
        .symlink("a/link", "../b");
    let found = call(
        &host,
        "search_files",
        json!({ "text": "one", "folder": "workspace://a" }),
    );
    let expected = json!([
        { "path": "workspace://a/deep/x", "line": 2, "text": "here is one" },
        { "path": "workspace://a/y", "line": 1, "text": "one at once, one again" },
    ]);
    assert_eq!(found, json!({ "matches": expected, "complete": true }));
    let all = call(&host, "search_files", json!({ "text": "one" }));
    assert_eq!(all["matches"][2]["path"], "workspace://b");
    let none = call(&host, "search_files", json!({ "text": "One" }));
    assert_eq!(none, json!({ "matches": [], "complete": true }));
}

#[test]
fn a_search_is_bounded_and_says_so() {
    let host = host()
        .file("many", "x\n".repeat(51))
        .file("few/a", "x\n".repeat(50));
    let matches = |found: &Value| found["matches"].as_array().unwrap().len();
    let found = call(&host, "search_files", json!({ "text": "x" }));
    assert_eq!((matches(&found), &found["complete"]), (50, &json!(false)));
    let found = call(
        &host,
        "search_files",
        json!({ "text": "x", "folder": "few" }),
    );
    assert_eq!((matches(&found), &found["complete"]), (50, &json!(true)));

    let host = (0..1_001).fold(self::host(), |host, number| {
        host.file(format!("{number:04}"), "x")
    });
    let found = call(&host, "search_files", json!({ "text": "y" }));
    assert_eq!(found, json!({ "matches": [], "complete": false }));

    let line = format!("{}é needle{}", "x".repeat(1_000), "y".repeat(1_000));
    let host = self::host().file("long", line);
    let found = call(&host, "search_files", json!({ "text": "needle" }));
    let text = found["matches"][0]["text"].as_str().unwrap();
    assert!(text.contains("é needle") && text.len() < 220, "{text}");
}

#[test]
fn what_does_not_work_is_told() {
    let host = host().file("bytes", [0xff]).files_quota(10);
    fails(
        &host,
        "read_file",
        json!({ "path": "none" }),
        "it is not there",
    );
    fails(
        &host,
        "read_file",
        json!({ "path": "../x" }),
        "without `..`",
    );
    fails(&host, "read_file", json!({ "path": "bytes" }), "not UTF-8");
    fails(
        &host,
        "read_file",
        json!({ "path": "home://a" }),
        "no grant covers it",
    );
    fails(
        &host,
        "read_file",
        json!({ "path": "bytes", "lines": 2_001 }),
        "`lines` is 1 to 2000",
    );
    fails(
        &host,
        "read_file",
        json!({ "path": "bytes", "first": 0 }),
        "`first` is 1 or more",
    );
    let long = json!({ "path": "a", "text": "eleven byte" });
    fails(&host, "write_file", long, "has no room for it");
    fails(
        &host,
        "list_files",
        json!({ "folder": "bytes" }),
        "it is a file",
    );
    fails(&host, "search_files", json!({ "text": "" }), "not empty");
    fails(
        &host,
        "search_files",
        json!({ "text": "a", "folder": "none" }),
        "it is not there",
    );
}
