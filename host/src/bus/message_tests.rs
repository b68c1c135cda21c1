//! What is a payload, and what a handler gets of it.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn unwrapped(text: &str) -> String {
    Payload::parse(text).unwrap().unwrapped().to_string()
}

#[test]
fn custom_and_raw_json_are_unwrapped_as_they_were_written() {
    for (wrapped, inner) in [
        (
            r#"{"type":"custom","data":{"b":1,"a":2}}"#,
            r#"{"b":1,"a":2}"#,
        ),
        (r#"{"type":"raw_json","value":[1, 2]}"#, "[1, 2]"),
        (r#" { "data" : "x" , "type" : "custom" } "#, r#""x""#),
        (r#"{"type":"custom","data":null}"#, "null"),
        (r#"{"type":"custom","data":1.50e2}"#, "1.50e2"),
        (
            r#"{"type":"custom","data":123456789012345678901234567890}"#,
            "123456789012345678901234567890",
        ),
        (r#"{"type":"custom","data":1,"other":{"deep":[]}}"#, "1"),
        (r#"{"\u0074ype":"cust\u006fm","data":7}"#, "7"),
        // One layer.
        (
            r#"{"type":"custom","data":{"type":"raw_json","value":1}}"#,
            r#"{"type":"raw_json","value":1}"#,
        ),
    ] {
        assert_eq!(unwrapped(wrapped), inner, "{wrapped}");
    }
}

#[test]
fn everything_else_stays_as_it_is() {
    for text in [
        "null",
        "1",
        r#""custom""#,
        "[]",
        r#"["custom", 1]"#,
        r#"[{"type":"custom","data":1}]"#,
        "{}",
        r#"{"data":1}"#,
        r#"{"type":"custom"}"#,
        r#"{"type":"custom","value":1}"#,
        r#"{"type":"raw_json","data":1}"#,
        r#"{"type":1,"data":1}"#,
        r#"{"type":null,"data":1}"#,
        r#"{"type":"custom","data":1,"data":2}"#,
        r#"{"type":"something_else","data":1}"#,
        r#"{"type":"user_input","text":"hello","session_id":"s","context":null}"#,
        r#"{"type":"tool_execute_request","call_id":"1","tool_name":"t","arguments":{}}"#,
        r#"{"type":"disconnect","reason":null}"#,
        r#"{"type":"\ud800","data":1}"#,
    ] {
        assert_eq!(unwrapped(text), text);
    }
}

#[test]
fn unwrapping_copies_nothing() {
    let payload = Payload::parse(r#"{"type":"custom","data":{"a":1}}"#).unwrap();
    let inner = payload.unwrapped();
    assert!(Arc::ptr_eq(&payload.text, &inner.text));
    assert_eq!(inner.unwrapped(), inner);

    let twice = r#"{"type":"custom","data":{"type":"raw_json","value":"x"}}"#;
    let inner = Payload::parse(twice).unwrap().unwrapped().unwrapped();
    assert_eq!(inner.as_str(), r#""x""#);
}

#[test]
fn what_is_no_payload_is_refused_with_the_reason() {
    let error = |bytes: &[u8]| Payload::from_bytes(bytes).unwrap_err();
    for text in ["", "{", "nul", "1 2", "{'a':1}", "\u{feff}1", "[1,]"] {
        assert!(
            matches!(error(text.as_bytes()), PayloadError::NotJson { .. }),
            "{text:?}"
        );
    }
    assert_eq!(error(b"\"a\xff\""), PayloadError::NotUtf8 { at: 2 });
    assert!(matches!(
        Payload::json(&std::collections::HashMap::from([([1], 2)])),
        Err(PayloadError::NotJson { .. })
    ));
}

#[test]
fn the_largest_payload_has_a_mebibyte() {
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert!(Payload::parse(text(MAX_PAYLOAD)).is_ok());
    let too_large = PayloadError::TooLarge {
        bytes: MAX_PAYLOAD + 1,
    };
    assert_eq!(
        Payload::parse(text(MAX_PAYLOAD + 1)),
        Err(too_large.clone())
    );
    assert_eq!(
        Payload::from_bytes(text(MAX_PAYLOAD + 1)),
        Err(too_large.clone())
    );
    assert_eq!(Payload::json(&"x".repeat(MAX_PAYLOAD - 1)), Err(too_large));
}

#[test]
fn nesting_exhausts_no_stack() {
    let depth = MAX_PAYLOAD / 2 - 100;
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(unwrapped(&deep), deep);
    assert_eq!(
        unwrapped(&format!(r#"{{"type":"custom","data":{deep}}}"#)),
        deep
    );
    assert_eq!(
        unwrapped(&format!(r#"{{"x":{deep},"type":"custom","data":1}}"#)),
        "1"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "(custom|raw_json|.{0,4})".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("(type|data|value|.{0,3})", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The same rule, over a parsed value.
fn reference(value: &Value) -> Value {
    match value.get("type").and_then(Value::as_str) {
        Some("custom") => value.get("data").unwrap_or(value),
        Some("raw_json") => value.get("value").unwrap_or(value),
        _ => value,
    }
    .clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn unwrapped_agrees_with_the_rule(value in any_json()) {
        let inner = Payload::json(&value).unwrap().unwrapped();
        prop_assert_eq!(serde_json::from_str::<Value>(inner.as_str()).unwrap(), reference(&value));
    }

    #[test]
    fn unwrapped_is_json_whatever_was_written(text in r#"[ {}\[\]:,"\\0-9a-z_]{0,40}|\{"type":"(custom|raw_json)",("(data|value|x)":[\[\]{}"0-9]{0,6},?){0,3}\}"#) {
        if let Ok(payload) = Payload::parse(text) {
            let inner = payload.unwrapped();
            let again = Payload::parse(inner.as_str());
            prop_assert_eq!(again, Ok(inner));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
        let _ = Payload::from_bytes(bytes);
    }
}
