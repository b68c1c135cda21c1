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
fn a_payload_has_128_levels_and_no_more() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(unwrapped(&deep(128)), deep(128));
    let inner = deep(127);
    assert_eq!(
        unwrapped(&format!(r#"{{"type":"custom","data":{inner}}}"#)),
        inner
    );
    assert_eq!(
        unwrapped(&format!(r#"{{"x":{inner},"type":"custom","data":1}}"#)),
        "1"
    );
    let nested = format!(r#"{{"a":[0,{{"b c":{}}}]}}"#, deep(200));
    let error = Payload::parse(nested).unwrap_err();
    let wanted = format!("a[1][\"b c\"]{}", "[0]".repeat(125));
    assert!(
        matches!(&error, PayloadError::TooDeep { path } if *path == super::structure::cut_path(wanted)),
        "{error}"
    );
    // However deep it is, reading it takes no stack.
    assert!(Payload::parse(deep(MAX_PAYLOAD / 2)).is_err());
}

/// The path of the key that stands twice.
fn twice(text: &str) -> Option<String> {
    match Payload::parse(text) {
        Ok(_) => None,
        Err(PayloadError::KeyTwice { key }) => Some(key),
        Err(other) => panic!("{text}: {other}"),
    }
}

#[test]
fn a_key_that_stands_twice_is_named_with_its_path() {
    for (text, path) in [
        (r#"{"a":1,"a":2}"#, "a"),
        (r#"{"a":1,"b":[0,{"x":1,"y":{"c":1,"c":1}}]}"#, "b[1].y.c"),
        (r#"[{"a":{}},[{"":0,"b":1,"":0}]]"#, r#"[1][0][""]"#),
        (r#"{"a":1,"\u0061":2}"#, "a"),
        (r#"{"\"\\":1,"\u0022\u005c":2}"#, r#"["\"\\"]"#),
        (r#"{"\ud83d\ude00":1,"😀":2}"#, r#"["😀"]"#),
        (r#"{"a":{"a":{"a":1}},"a":[]}"#, "a"),
        (r#" { "b" : "{\"b\":1" , "c" : [ ] , "b" : null } "#, "b"),
    ] {
        assert_eq!(twice(text).as_deref(), Some(path), "{text}");
    }
    let many: Vec<_> = (0..1000).map(|key| format!(r#""k{key}":{{}}"#)).collect();
    let many = many.join(",");
    assert_eq!(twice(&format!("{{{many}}}")), None);
    for key in [0, 500, 999] {
        let path = format!("x.k{key}");
        assert_eq!(
            twice(&format!(r#"{{"x":{{{many},"k{key}":0}}}}"#)),
            Some(path)
        );
    }
}

#[test]
fn keys_of_other_objects_and_values_may_be_alike() {
    for text in [
        r#"{"a":"a","b":"a"}"#,
        r#"{"a":{"a":1},"b":{"a":1}}"#,
        r#"[{"a":1},{"a":1}]"#,
        r#"{"a":["a","a",{"a":1}],"b":1}"#,
        "{\"A\":1,\"a\":2,\"\u{e1}\":3,\"a\u{301}\":4}",
        r#"{"a\"":1,"a":2}"#,
        r#"{"n":18446744073709551616,"m":1e400}"#,
    ] {
        assert_eq!(twice(text), None, "{text}");
    }
}

#[test]
fn a_key_that_is_no_unicode_is_refused() {
    let error = Payload::parse(r#"{"\ud800":1}"#).unwrap_err();
    assert!(matches!(error, PayloadError::NotJson { .. }), "{error}");
    assert!(Payload::parse(r#"{"a":"\ud800"}"#).is_ok());
}

#[test]
fn a_payload_is_written_in_json_as_it_was_read() {
    let text = r#"{"n":18446744073709551616, "m":1e400}"#;
    let payload = Payload::parse(text).unwrap();
    let document = serde_json::to_string(&[&payload]).unwrap();
    assert_eq!(document, format!("[{text}]"));
    let read: Vec<Payload> = serde_json::from_str(&document).unwrap();
    assert_eq!(read, [payload]);
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

/// A value whose objects may have keys twice, as text; and whether one has.
fn with_keys_twice() -> impl Strategy<Value = (String, bool)> {
    let leaf = prop_oneof![
        Just("1"),
        Just("\"a\""),
        Just("\"{\\\"\""),
        Just("[]"),
        Just("{}")
    ];
    leaf.prop_map(|text| (text.to_owned(), false))
        .prop_recursive(4, 64, 12, |inner| {
            let array = prop::collection::vec(inner.clone(), 0..4).prop_map(|items| {
                let (items, twice): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                (format!("[{}]", items.join(",")), twice.contains(&true))
            });
            let object = prop::collection::vec((0..40_u8, inner), 0..12).prop_map(|fields| {
                let mut keys: Vec<_> = fields.iter().map(|(key, _)| *key).collect();
                keys.sort_unstable();
                let twice = keys.windows(2).any(|pair| pair[0] == pair[1])
                    || fields.iter().any(|(_, (_, twice))| *twice);
                let fields =
                    fields
                        .iter()
                        .enumerate()
                        .map(|(at, (key, (value, _)))| match at % 2 {
                            0 => format!("\"k{key}\":{value}"),
                            _ => format!("\"\\u006b{key}\":{value}"),
                        });
                let fields: Vec<_> = fields.collect();
                (format!("{{{}}}", fields.join(",")), twice)
            });
            prop_oneof![array, object]
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn keys_are_compared_decoded_at_every_level((text, wanted) in with_keys_twice()) {
        prop_assert_eq!(twice(&text).is_some(), wanted, "{}", text);
    }

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
    fn the_grammar_is_that_of_the_parser(text in r#"[ \t\n{}\[\]:,"\\\\/0-9a-ftrulnsuE.+\-\x01\x7fé😀]{0,24}"#) {
        let parsed = serde_json::from_str::<IgnoredAny>(&text);
        prop_assert_eq!(Payload::parse(text.clone()).err(), parsed.err().map(not_json), "{}", text);
    }

    #[test]
    fn the_grammar_of_numbers_is_that_of_the_parser(text in r"-?[0-9]{0,3}(\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?x?") {
        let parsed = serde_json::from_str::<IgnoredAny>(&text);
        prop_assert_eq!(Payload::parse(text.clone()).err(), parsed.err().map(not_json), "{}", text);
    }

    #[test]
    fn a_value_changed_anywhere_is_judged_as_the_parser_does(value in any_json(), at in any::<prop::sample::Index>(), byte in 0..128_u8) {
        let mut text = value.to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(text) = String::from_utf8(text) {
            let parsed = serde_json::from_str::<IgnoredAny>(&text).err().map(not_json);
            let judged = Payload::parse(text.clone()).err();
            let twice = matches!(judged, Some(PayloadError::KeyTwice { .. }));
            prop_assert!(twice || judged == parsed, "{text}: {judged:?}, {parsed:?}");
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
        let _ = Payload::from_bytes(bytes);
    }
}
