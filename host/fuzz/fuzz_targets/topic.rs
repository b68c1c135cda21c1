//! The parser and the matcher against the rules, spelt out with no early exit.
//!
//! The input is up to three lines: two patterns and a topic.

#![no_main]

use astrid_host::topic::{MAX_BYTES, MAX_SEGMENTS, Topic, TopicPattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let lines: Vec<_> = text.splitn(3, '\n').collect();
    for line in &lines {
        assert_eq!(
            TopicPattern::parse(line).is_ok(),
            is_valid(line, true),
            "{line:?}"
        );
        assert_eq!(
            Topic::parse(line).is_ok(),
            is_valid(line, false),
            "{line:?}"
        );
    }
    let [outer, inner, found] = lines[..] else {
        return;
    };
    let (Ok(outer), Ok(inner), Ok(topic)) = (
        TopicPattern::parse(outer),
        TopicPattern::parse(inner),
        Topic::parse(found),
    ) else {
        return;
    };
    for pattern in [&outer, &inner] {
        assert_eq!(
            pattern.matches_handler(&topic),
            matches(pattern.as_str(), found, false)
        );
        assert_eq!(
            pattern.matches_acl(&topic),
            matches(pattern.as_str(), found, true)
        );
    }
    assert!(TopicPattern::from(&topic).matches_handler(&topic));
    assert_eq!(
        outer.covers_acl(&TopicPattern::from(&topic)),
        outer.matches_acl(&topic)
    );
    if outer.covers_acl(&inner) && inner.matches_acl(&topic) {
        assert!(
            outer.matches_acl(&topic),
            "{outer} covers {inner}, which admits {topic}"
        );
    }
});

fn is_valid(text: &str, star: bool) -> bool {
    let segments: Vec<_> = text.split('.').collect();
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    text.len() <= MAX_BYTES
        && segments.len() <= MAX_SEGMENTS
        && segments.iter().all(|segment| {
            (star && *segment == "*") || (!segment.is_empty() && segment.bytes().all(plain))
        })
}

fn matches(pattern: &str, topic: &str, trailing_many: bool) -> bool {
    let mut wanted: Vec<_> = pattern.split('.').collect();
    let found: Vec<_> = topic.split('.').collect();
    if trailing_many && wanted.last() == Some(&"*") {
        while wanted.len() < found.len() {
            wanted.push("*");
        }
    }
    wanted.len() == found.len() && wanted.iter().zip(&found).all(|(w, f)| *w == "*" || w == f)
}
