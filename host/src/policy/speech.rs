//! Who may speak on a topic, whatever an access list says: some speak for the host, or for a person.

use crate::topic::Topic;

/// Who may publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Whoever its manifest lets.
    Anybody,
    /// A capsule with the capability `uplink`: it answers for a person.
    Uplink,
    /// Only the host itself.
    Host,
}

/// Topics of the host itself: these, and all below them.
pub const HOST: [&str; 5] = [
    "astrid.v1.lifecycle",
    "astrid.v1.event_bus",
    "astrid.v1.health",
    "astrid.v1.audit",
    "astrid.v1.capsules_loaded",
];
/// Where the host says that a capsule keeps failing: `{ capsule_id, part, principal, reason, retry_in_ms }`. `part` is
/// `handlers` or `run-loop`; without a `retry_in_ms` it isn't tried again.
pub const HEALTH_FAILED: &str = "astrid.v1.health.failed";
/// Where the host says that it has loaded what is installed: `{ loaded: [name], failed: [{ capsule_id, reason }] }`.
pub const CAPSULES_LOADED: &str = "astrid.v1.capsules_loaded";
/// Where the host says that it has loaded a capsule: `{ capsule_id, version, session }`.
pub const CAPSULE_LOADED: &str = "astrid.v1.lifecycle.capsule_loaded";
/// Where the host says that another load of a capsule has taken the place of one: as [`CAPSULE_LOADED`].
pub const CAPSULE_RELOADED: &str = "astrid.v1.lifecycle.capsule_reloaded";
/// Where the host says that it has unloaded a capsule: as [`CAPSULE_LOADED`].
pub const CAPSULE_UNLOADED: &str = "astrid.v1.lifecycle.capsule_unloaded";

/// Where the host says, once for each load of a capsule, that it wants to be given what is not set for its owner:
/// `{ type: "onboarding_required", capsule_id, fields }`.
pub const ONBOARDING_REQUIRED: &str = "astrid.v1.onboarding.required";

/// Where questions to a person are published.
pub const QUESTIONS: [&str; 2] = ["astrid.v1.approval", "astrid.v1.elicit"];
/// What follows a question's topic in that of its answers, before the question's id.
const RESPONSE: &str = ".response";

/// The topic, if it is one of questions to a person.
pub fn question(topic: &Topic) -> Option<&'static str> {
    QUESTIONS
        .into_iter()
        .find(|question| topic.as_str() == *question)
}

/// For a topic where a person's answers are published, or one below it: the questions' topic, and the id of the question
/// that is answered, which is empty where the topic names none.
pub fn answered(topic: &Topic) -> Option<(&'static str, &str)> {
    QUESTIONS.into_iter().find_map(|question| {
        let rest = topic
            .as_str()
            .strip_prefix(question)?
            .strip_prefix(RESPONSE)?;
        let id = if rest.is_empty() {
            rest
        } else {
            rest.strip_prefix('.')?
        };
        Some((question, id))
    })
}

/// Who may publish to a topic.
pub fn speaker(topic: &Topic) -> Speaker {
    let below = |root: &&str| {
        topic
            .as_str()
            .strip_prefix(*root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if HOST.iter().any(below) {
        Speaker::Host
    } else if answered(topic).is_some() {
        Speaker::Uplink
    } else {
        Speaker::Anybody
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_meant_with_all_below_it_and_nothing_beside_it() {
        let who = |topic| speaker(&Topic::parse(topic).expect("a topic"));
        for topic in [
            "astrid.v1.lifecycle",
            "astrid.v1.event_bus.lagged",
            "astrid.v1.audit.entry",
            HEALTH_FAILED,
            CAPSULES_LOADED,
            CAPSULE_LOADED,
            CAPSULE_RELOADED,
            CAPSULE_UNLOADED,
        ] {
            assert_eq!(who(topic), Speaker::Host, "{topic}");
        }
        assert_eq!(who("astrid.v1.approval.response.x"), Speaker::Uplink);
        assert_eq!(who("astrid.v1.elicit.response.x"), Speaker::Uplink);
        assert_eq!(who("astrid.v1.elicit.response"), Speaker::Uplink);
        assert_eq!(who("astrid.v1.elicit.responses"), Speaker::Anybody);
        for topic in ["astrid.v1.approval", "astrid.v1.healthy", "user.v1.prompt"] {
            assert_eq!(who(topic), Speaker::Anybody, "{topic}");
        }
    }

    #[test]
    fn an_answer_names_its_question() {
        let of = |topic| {
            let topic = Topic::parse(topic).expect("a topic");
            answered(&topic).map(|(question, id)| (question, id.to_owned()))
        };
        let approval = "astrid.v1.approval";
        assert_eq!(
            of("astrid.v1.approval.response.a.b"),
            Some((approval, "a.b".to_owned()))
        );
        assert_eq!(
            of("astrid.v1.approval.response"),
            Some((approval, String::new()))
        );
        assert_eq!(of(approval), None);
        assert_eq!(
            question(&Topic::parse(approval).expect("a topic")),
            Some(approval)
        );
        assert_eq!(question(&Topic::parse("astrid.v1").expect("a topic")), None);
    }
}
