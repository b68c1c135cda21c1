//! Whether a capsule may publish to a topic, and subscribe to a pattern.

use super::wit::ErrorCode;
use crate::manifest::CapsuleManifest;
use crate::policy::speech::{self, Speaker};
use crate::policy::topic::{Topic, TopicPattern};

/// The topic, if the capsule may publish to it.
pub(super) fn to_publish(manifest: &CapsuleManifest, topic: &str) -> Result<Topic, ErrorCode> {
    let topic = Topic::parse(topic).map_err(|_| ErrorCode::InvalidInput)?;
    let listed = manifest
        .publish
        .iter()
        .any(|entry| entry.topic.matches_acl(&topic));
    let may_speak = match speech::speaker(&topic) {
        Speaker::Anybody => true,
        Speaker::Uplink => manifest.capabilities.uplink,
        Speaker::Host => false,
    };
    if listed && may_speak {
        Ok(topic)
    } else {
        Err(ErrorCode::CapabilityDenied)
    }
}

/// The pattern, if the capsule may subscribe to all that it admits.
pub(super) fn to_subscribe(
    manifest: &CapsuleManifest,
    pattern: &str,
) -> Result<TopicPattern, ErrorCode> {
    let pattern = TopicPattern::parse(pattern).map_err(|_| ErrorCode::InvalidInput)?;
    let mut segments = pattern.as_str().rsplit('.');
    let _last = segments.next();
    if segments.any(|segment| segment == "*") {
        return Err(ErrorCode::InvalidInput);
    }
    let listed = manifest
        .subscribe
        .iter()
        .any(|entry| entry.topic.covers_acl(&pattern));
    if listed {
        Ok(pattern)
    } else {
        Err(ErrorCode::CapabilityDenied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(rest: &str) -> CapsuleManifest {
        let text = format!("[package]\nname = \"demo\"\nversion = \"1.0.0\"\n{rest}");
        let parsed = CapsuleManifest::parse(&text, "Capsule.toml");
        parsed.expect("a manifest").manifest
    }

    #[test]
    fn what_is_not_listed_is_denied() {
        let nothing = manifest("");
        assert!(matches!(
            to_publish(&nothing, "a.b"),
            Err(ErrorCode::CapabilityDenied)
        ));
        assert!(matches!(
            to_subscribe(&nothing, "a.b"),
            Err(ErrorCode::CapabilityDenied)
        ));
        let some = manifest("[publish]\n\"a.*\" = \"x\"\n[subscribe]\n\"b.*\" = \"x\"\n");
        assert!(to_publish(&some, "a.b.c").is_ok() && to_publish(&some, "a.b").is_ok());
        assert!(to_publish(&some, "b.a").is_err() && to_publish(&some, "a").is_err());
        assert!(to_subscribe(&some, "b.c").is_ok() && to_subscribe(&some, "b.*").is_ok());
        assert!(to_subscribe(&some, "*").is_err() && to_subscribe(&some, "a.b").is_err());
    }

    #[test]
    fn what_is_no_topic_or_pattern_is_invalid() {
        let all = manifest("[publish]\n\"*\" = \"x\"\n[subscribe]\n\"*\" = \"x\"\n");
        for topic in ["", "a..b", "a.*", "A", "a b"] {
            assert!(
                matches!(to_publish(&all, topic), Err(ErrorCode::InvalidInput)),
                "{topic}"
            );
        }
        for pattern in ["", "a.*.b", "*.b", "a.b*"] {
            assert!(
                matches!(to_subscribe(&all, pattern), Err(ErrorCode::InvalidInput)),
                "{pattern}"
            );
        }
    }

    #[test]
    fn what_speaks_for_the_host_only_the_host_says() {
        let mut all = manifest("[publish]\n\"*\" = \"x\"\n");
        assert!(to_publish(&all, "astrid.v1.lifecycle.capsule_loaded").is_err());
        let answer = "astrid.v1.approval.response.7";
        assert!(to_publish(&all, answer).is_err());
        all.capabilities.uplink = true;
        assert!(to_publish(&all, answer).is_ok());
        assert!(to_publish(&all, "astrid.v1.health.failed").is_err());
    }
}
