//! What handlers answer, and what is said to who asks wrongly.

use astrid_e2e::command::Astrid;
use serde_json::json;

use crate::report::{Report, error, verdict};

/// The three examples, each asked for something that it reacts to and for something that it doesn't.
pub(crate) fn answers(report: &mut Report, astrid: &Astrid) {
    report.chapter("What the examples answer");
    let mut invoke = |capsule, action, payload: &str, code, judge| {
        let arguments = ["invoke", capsule, action, "--payload", payload];
        let here = astrid.workspace();
        report.ask_in(
            astrid,
            &here,
            &arguments,
            r#"{"name": "stdin"}"#,
            code,
            judge,
        );
    };
    invoke(
        "hello",
        "greet",
        r#"{"name": "Ada"}"#,
        0,
        Box::new(verdict("final", json!({ "greeting": "Hello, Ada!" })))
            as Box<dyn FnOnce(&_) -> _>,
    );
    let greeting = json!({ "greeting": "Hello, stdin!" });
    invoke(
        "hello",
        "greet",
        "-",
        0,
        Box::new(verdict("final", greeting)),
    );
    let file = astrid.workspace().join("payload.json");
    // If it can't be written, the command says so.
    let _ = std::fs::write(&file, r#"{"name": "file"}"#);
    let greeting = json!({ "greeting": "Hello, file!" });
    invoke(
        "hello",
        "greet",
        "@payload.json",
        0,
        Box::new(verdict("final", greeting)),
    );
    invoke(
        "redact",
        "redact",
        r#"{"text": "mail ada@example.com, card 4111 1111 1111 1111", "session_id": "s1"}"#,
        0,
        Box::new(verdict(
            "continue",
            json!({ "text": "mail [e-mail], card [card]", "session_id": "s1" }),
        )),
    );
    let harmless = r#"{"text": "what is the weather?"}"#;
    invoke(
        "redact",
        "redact",
        harmless,
        0,
        Box::new(verdict("continue", json!(null))),
    );
    invoke(
        "guard",
        "check",
        harmless,
        0,
        Box::new(verdict("continue", json!(null))),
    );
    invoke(
        "guard",
        "check",
        r#"{"text": "use ghp_0123456789abcdefghij"}"#,
        3,
        Box::new(verdict("deny", json!("the prompt holds a GitHub token"))),
    );
}

/// Asking wrongly.
pub(crate) fn mistakes(report: &mut Report, astrid: &Astrid) {
    report.chapter("What is said to who asks wrongly");
    report.ask(
        astrid,
        &["invoke", "hello", "gret"],
        1,
        error("not-found", "did you mean greet?"),
    );
    report.ask(
        astrid,
        &["invoke", "helo", "greet"],
        1,
        error("not-found", "astrid list"),
    );
    report.ask(
        astrid,
        &["invoke", "hello", "greet", "--payload", "{name: Ada}"],
        2,
        error("usage", "a payload is one JSON value"),
    );
    report.ask(
        astrid,
        &["invoke", "hello", "greet", "--payload", "@nowhere.json"],
        2,
        error("usage", "nowhere.json"),
    );
    report.ask(
        astrid,
        &["invoke", "hello", "greet", "--principal", "eve"],
        1,
        error("not-found", "astrid principal add eve"),
    );
    report.ask(
        astrid,
        &["invoke", "hello", "greet", "--principal", "Eve!"],
        2,
        error("usage", "no principal's name"),
    );
    report.ask(astrid, &["invoke", "hello"], 2, error("usage", "ACTION"));
    report.ask(astrid, &["instal"], 2, error("usage", "instal"));
}
