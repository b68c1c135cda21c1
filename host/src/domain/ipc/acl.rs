//! Whether a capsule may publish to a topic, and subscribe to a pattern.

use super::wit::ErrorCode;
use crate::domain::CallContext;
use crate::policy::gate::{Closed, Row, Subject};
use crate::policy::speech::{self, Speaker};
use crate::topic::{Topic, TopicPattern};

/// The topic, if the call may publish to it by this row.
pub(super) fn to_publish(
    call: &CallContext,
    row: &Row<'_>,
    topic: &str,
) -> Result<Topic, ErrorCode> {
    let parsed = Topic::parse(topic);
    call.gate_for(row, |subject| {
        let entries = &call.capsule.manifest.publish;
        match &parsed {
            Ok(topic) if !entries.iter().any(|entry| entry.topic.matches_acl(topic)) => {
                Err(unlisted(subject, topic.as_str()))
            }
            // What is no topic is told below.
            Ok(_) | Err(_) => Ok(()),
        }
    })?;
    let topic = parsed.map_err(|_| ErrorCode::InvalidInput)?;
    let whose = match speech::speaker(&topic) {
        Speaker::Anybody => return Ok(topic),
        Speaker::Uplink if call.capsule.manifest.capabilities.uplink => return Ok(topic),
        Speaker::Uplink => "uplinks",
        Speaker::Host => "the host",
    };
    let topic = topic.to_string();
    Err(call.denied(row, Closed::Reserved { topic, whose }).into())
}

/// The pattern, if the call may subscribe by this row to all that it admits.
pub(super) fn to_subscribe(
    call: &CallContext,
    row: &Row<'_>,
    pattern: &str,
) -> Result<TopicPattern, ErrorCode> {
    let parsed = TopicPattern::parse(pattern).ok().filter(|pattern| {
        let mut segments = pattern.as_str().rsplit('.');
        let _last = segments.next();
        segments.all(|segment| segment != "*")
    });
    call.gate_for(row, |subject| {
        let entries = &call.capsule.manifest.subscribe;
        match &parsed {
            Some(pattern) if !entries.iter().any(|entry| entry.topic.covers_acl(pattern)) => {
                Err(unlisted(subject, pattern.as_str()))
            }
            // What is no pattern is told below.
            Some(_) | None => Ok(()),
        }
    })?;
    parsed.ok_or(ErrorCode::InvalidInput)
}

fn unlisted(subject: Subject, topic: &str) -> Closed {
    match subject {
        Subject::Topic(list) => Closed::Unlisted {
            list,
            topic: topic.to_owned(),
        },
        Subject::Paths(_) => Closed::NoSubject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::context::gate::tests::a_call as manifest;
    use crate::domain::ipc::host_row;

    fn to_publish(call: &CallContext, topic: &str) -> Result<Topic, ErrorCode> {
        super::to_publish(call, &host_row("publish"), topic)
    }

    fn to_subscribe(call: &CallContext, pattern: &str) -> Result<TopicPattern, ErrorCode> {
        super::to_subscribe(call, &host_row("subscribe"), pattern)
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
        let all = manifest("[publish]\n\"*\" = \"x\"\n");
        assert!(to_publish(&all, "astrid.v1.lifecycle.capsule_loaded").is_err());
        let answer = "astrid.v1.approval.response.7";
        assert!(to_publish(&all, answer).is_err());
        let all = manifest("[publish]\n\"*\" = \"x\"\n[capabilities]\nuplink = true\n");
        assert!(to_publish(&all, answer).is_ok());
        assert!(to_publish(&all, "astrid.v1.health.failed").is_err());
    }
}
