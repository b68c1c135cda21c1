//! The examples, on a host: what their own unit tests say of them natively holds in the sandbox too.

use astrid_e2e::guests::Guest;
use serde_json::json;

use crate::common::{ask, loaded, said};

#[tokio::test]
pub(crate) async fn hello_greets() {
    let (host, hello) = loaded(Guest::Hello).await;
    let reply = ask(&host, &hello, "greet", json!({ "name": "Ada" }))
        .await
        .unwrap();
    assert_eq!(
        said(&reply),
        ("final", json!({ "greeting": "Hello, Ada!" }))
    );
}

#[tokio::test]
pub(crate) async fn redact_rewrites_what_holds_something_private() {
    let (host, redact) = loaded(Guest::Redact).await;
    let prompt = json!({ "text": "I am ada@example.com", "session_id": "s1" });
    let reply = ask(&host, &redact, "redact", &prompt).await.unwrap();
    assert_eq!(
        said(&reply),
        (
            "continue",
            json!({ "text": "I am [e-mail]", "session_id": "s1" })
        )
    );
    let reply = ask(&host, &redact, "redact", json!({ "text": "hello" }))
        .await
        .unwrap();
    assert_eq!(said(&reply), ("continue", json!(null)));
}

#[tokio::test]
pub(crate) async fn guard_denies_a_secret() {
    let (host, guard) = loaded(Guest::Guard).await;
    let prompt = json!({ "text": "use ghp_0123456789abcdefghij" });
    let reply = ask(&host, &guard, "check", &prompt).await.unwrap();
    assert_eq!(
        said(&reply),
        ("deny", json!("the prompt holds a GitHub token"))
    );
    let reply = ask(&host, &guard, "check", json!({ "text": "hello" }))
        .await
        .unwrap();
    assert_eq!(said(&reply), ("continue", json!(null)));
}
