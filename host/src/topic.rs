//! Topics: the one parser and the one matcher.
//!
//! A topic is dot-separated segments of `[a-z0-9_-]`; in a pattern a segment may also be a single
//! `*`. Patterns are used in two ways, which differ only in what a trailing `*` means: see
//! [`TopicPattern::matches_handler`] and [`TopicPattern::matches_acl`]. Anything that compares
//! topics by other means (an index, say) must agree with these.

use std::borrow::Borrow;
use std::fmt;

pub use crate::limits::topic::{MAX_BYTES, MAX_SEGMENTS};
use serde::Serialize;

/// The segment that stands for any other.
const WILDCARD: &str = "*";

/// Why a string is neither a topic nor a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// The string is empty.
    #[error("a topic can't be empty")]
    Empty,
    /// The string is longer than [`MAX_BYTES`].
    #[error("a topic has at most {MAX_BYTES} bytes, not {bytes}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// There are more than [`MAX_SEGMENTS`] segments.
    #[error("a topic has at most {MAX_SEGMENTS} segments, not {segments}")]
    TooManySegments {
        /// How many there are.
        segments: usize,
    },
    /// Two dots in a row, or a dot at either end.
    #[error("segment {segment} is empty")]
    EmptySegment {
        /// Which segment, counted from 1.
        segment: usize,
    },
    /// A character that no segment may hold.
    #[error("{found:?} in segment {segment}: a segment holds only a-z, 0-9, `_` and `-`")]
    Character {
        /// The character.
        found: char,
        /// Which segment, counted from 1.
        segment: usize,
    },
    /// A `*` beside other characters of its segment.
    #[error("segment {segment} mixes `*` with other characters: `*` stands alone in a segment")]
    PartialWildcard {
        /// Which segment, counted from 1.
        segment: usize,
    },
    /// A `*` where an exact topic is wanted.
    #[error("segment {segment} is `*`, but this must be one exact topic")]
    Wildcard {
        /// Which segment, counted from 1.
        segment: usize,
    },
}

/// An exact topic, such as `user.v1.prompt`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Topic(String);

/// A topic in which segments may be `*`, such as `tool.v1.execute.*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TopicPattern(String);

impl Topic {
    /// Parses an exact topic.
    ///
    /// # Errors
    ///
    /// Says which rule of the module's first paragraph, or which limit, was broken; a `*` is
    /// [`TopicError::Wildcard`].
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check(text)?;
        if let Some(at) = text.split('.').position(|segment| segment == WILDCARD) {
            return Err(TopicError::Wildcard { segment: at + 1 });
        }
        Ok(Self(text.to_owned()))
    }

    /// The topic as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TopicPattern {
    /// Parses a pattern. Each topic is also a pattern, which matches only itself.
    ///
    /// # Errors
    ///
    /// Says which rule of the module's first paragraph, or which limit, was broken.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern has no `*`.
    pub fn is_exact(&self) -> bool {
        !self.0.contains(WILDCARD)
    }

    /// Whether a handler bound to this pattern is asked about `topic`: each `*` is exactly one
    /// segment, wherever it stands.
    pub fn matches_handler(&self, topic: &Topic) -> bool {
        matches(&self.0, &topic.0, Trailing::One)
    }

    /// Whether this pattern, as an entry of an access list or as a subscription, admits `topic`:
    /// a trailing `*` is one or more segments, any other exactly one.
    pub fn matches_acl(&self, topic: &Topic) -> bool {
        matches(&self.0, &topic.0, Trailing::OneOrMore)
    }

    /// Whether this pattern, as an entry of an access list, admits a subscription to `wanted`:
    /// true only if every topic that `wanted` admits is admitted by this pattern too.
    pub fn covers_acl(&self, wanted: &TopicPattern) -> bool {
        // A `*` of `wanted` is no literal, so only a `*` of ours can meet it. Segment counts make
        // sure that its trailing one meets nothing but our trailing one.
        matches(&self.0, &wanted.0, Trailing::OneOrMore)
    }
}

/// What a `*` in the last segment of a pattern stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trailing {
    One,
    OneOrMore,
}

/// The matcher. Both strings have passed [`check`], so no segment is empty.
fn matches(pattern: &str, topic: &str, trailing: Trailing) -> bool {
    let mut wanted = pattern.split('.').peekable();
    let mut found = topic.split('.');
    while let Some(segment) = wanted.next() {
        let Some(actual) = found.next() else {
            return false;
        };
        if segment != WILDCARD {
            if segment != actual {
                return false;
            }
        } else if trailing == Trailing::OneOrMore && wanted.peek().is_none() {
            return true;
        }
    }
    found.next().is_none()
}

/// The parser: the rules that topics and patterns share.
fn check(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(TopicError::TooLong { bytes: text.len() });
    }
    let segments = text.split('.').count();
    if segments > MAX_SEGMENTS {
        return Err(TopicError::TooManySegments { segments });
    }
    for (at, segment) in text.split('.').enumerate() {
        check_segment(segment, at + 1)?;
    }
    Ok(())
}

fn check_segment(text: &str, segment: usize) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::EmptySegment { segment });
    }
    if text == WILDCARD {
        return Ok(());
    }
    for found in text.chars() {
        match found {
            'a'..='z' | '0'..='9' | '_' | '-' => {}
            '*' => return Err(TopicError::PartialWildcard { segment }),
            _ => return Err(TopicError::Character { found, segment }),
        }
    }
    Ok(())
}

macro_rules! text_traits {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = TopicError;

            fn from_str(text: &str) -> Result<Self, TopicError> {
                Self::parse(text)
            }
        }
    )*};
}

text_traits!(Topic, TopicPattern);

impl From<&Topic> for TopicPattern {
    fn from(topic: &Topic) -> Self {
        Self(topic.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> TopicPattern {
        TopicPattern::parse(text).unwrap()
    }

    fn topic(text: &str) -> Topic {
        Topic::parse(text).unwrap()
    }

    /// (as a handler, as an access list)
    fn both(wanted: &str, found: &str) -> (bool, bool) {
        let (wanted, found) = (pattern(wanted), topic(found));
        (wanted.matches_handler(&found), wanted.matches_acl(&found))
    }

    #[test]
    fn the_two_uses_differ_in_the_trailing_star_only() {
        assert_eq!(both("a.*", "a.b"), (true, true));
        assert_eq!(both("a.*", "a.b.c"), (false, true));
        assert_eq!(both("a.*", "a"), (false, false));
        assert_eq!(both("*", "a"), (true, true));
        assert_eq!(both("*", "a.b"), (false, true));
        assert_eq!(both("a.*.c", "a.b.c"), (true, true));
        assert_eq!(both("a.*.c", "a.b.b.c"), (false, false));
        assert_eq!(both("a.b", "a.b"), (true, true));
        assert_eq!(both("a.b", "a.b.c"), (false, false));
        assert_eq!(both("a.b", "a.bc"), (false, false));
    }

    #[test]
    fn each_rule_has_its_error() {
        let error = |text: &str| TopicPattern::parse(text).unwrap_err();
        assert_eq!(error(""), TopicError::Empty);
        assert_eq!(error("."), TopicError::EmptySegment { segment: 1 });
        assert_eq!(error("a..b"), TopicError::EmptySegment { segment: 2 });
        assert_eq!(error("a."), TopicError::EmptySegment { segment: 2 });
        assert_eq!(error("a.b*"), TopicError::PartialWildcard { segment: 2 });
        assert_eq!(error("**"), TopicError::PartialWildcard { segment: 1 });
        assert_eq!(
            error("a.B"),
            TopicError::Character {
                found: 'B',
                segment: 2
            }
        );
        assert_eq!(
            Topic::parse("a.*").unwrap_err(),
            TopicError::Wildcard { segment: 2 }
        );
    }

    #[test]
    fn limits_are_inclusive() {
        assert!(Topic::parse(&"a".repeat(MAX_BYTES)).is_ok());
        assert_eq!(
            Topic::parse(&"a".repeat(MAX_BYTES + 1)),
            Err(TopicError::TooLong {
                bytes: MAX_BYTES + 1
            })
        );
        assert!(Topic::parse("a.b.c.d.e.f.g.h").is_ok());
        assert_eq!(
            Topic::parse("a.b.c.d.e.f.g.h.i"),
            Err(TopicError::TooManySegments { segments: 9 })
        );
    }

    /// What the rules say, over whole vectors of segments and with no early exit.
    fn reference(wanted: &str, found: &str, trailing: Trailing) -> bool {
        let mut wanted: Vec<&str> = wanted.split('.').collect();
        let found: Vec<&str> = found.split('.').collect();
        if trailing == Trailing::OneOrMore && wanted.last() == Some(&"*") {
            while wanted.len() < found.len() {
                wanted.push("*");
            }
        }
        wanted.len() == found.len() && wanted.iter().zip(&found).all(|(w, f)| *w == "*" || w == f)
    }

    fn is_segment(text: &str, star: bool) -> bool {
        (star && text == "*")
            || (!text.is_empty()
                && text.bytes().all(|b| {
                    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-'
                }))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn matcher_agrees_with_reference(
            wanted in "([ab*]\\.){0,3}[ab*]",
            found in "([ab]\\.){0,4}[ab]",
        ) {
            let (p, t) = (pattern(&wanted), topic(&found));
            prop_assert_eq!(p.matches_handler(&t), reference(&wanted, &found, Trailing::One));
            prop_assert_eq!(p.matches_acl(&t), reference(&wanted, &found, Trailing::OneOrMore));
        }

        #[test]
        fn parser_agrees_with_reference(text in "[a-c*._A-]{0,12}") {
            let valid = |star| {
                text.split('.').count() <= MAX_SEGMENTS
                    && text.split('.').all(|segment| is_segment(segment, star))
            };
            prop_assert_eq!(TopicPattern::parse(&text).is_ok(), valid(true));
            prop_assert_eq!(Topic::parse(&text).is_ok(), valid(false));
        }

        #[test]
        fn what_covers_a_pattern_admits_all_its_topics(
            outer in "([ab*]\\.){0,2}[ab*]",
            inner in "([ab*]\\.){0,2}[ab*]",
            found in "([ab]\\.){0,3}[ab]",
        ) {
            let (outer, inner, found) = (pattern(&outer), pattern(&inner), topic(&found));
            if outer.covers_acl(&inner) && inner.matches_acl(&found) {
                prop_assert!(outer.matches_acl(&found));
            }
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = TopicPattern::parse(&text);
        }
    }
}
