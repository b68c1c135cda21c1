//! Who may speak on a topic, whatever an access list says: some speak for the host, or for a person.

use super::topic::Topic;

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
const HOST: [&str; 5] = [
    "astrid.v1.lifecycle",
    "astrid.v1.event_bus",
    "astrid.v1.health",
    "astrid.v1.audit",
    "astrid.v1.capsules_loaded",
];
/// Where a person's answers are published: these, and all below them.
const ANSWERS: [&str; 2] = ["astrid.v1.approval.response", "astrid.v1.elicit.response"];

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
    } else if ANSWERS.iter().any(below) {
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
            "astrid.v1.lifecycle.capsule_loaded",
            "astrid.v1.event_bus.lagged",
            "astrid.v1.health.failed",
            "astrid.v1.audit.entry",
            "astrid.v1.capsules_loaded",
        ] {
            assert_eq!(who(topic), Speaker::Host, "{topic}");
        }
        assert_eq!(who("astrid.v1.approval.response.x"), Speaker::Uplink);
        assert_eq!(who("astrid.v1.elicit.response.x"), Speaker::Uplink);
        for topic in ["astrid.v1.approval", "astrid.v1.healthy", "user.v1.prompt"] {
            assert_eq!(who(topic), Speaker::Anybody, "{topic}");
        }
    }
}
