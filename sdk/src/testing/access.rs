//! Which topics a capsule may publish and subscribe to: what its manifest lists, and what no manifest can give.

/// What a manifest lists under `[publish]` and `[subscribe]`.
#[derive(Clone, Debug, Default)]
pub struct Access {
    pub publish: Vec<String>,
    pub subscribe: Vec<String>,
}

/// Topics on which only the host itself speaks: these, and all below them.
pub const HOST: [&str; 5] = [
    "astrid.v1.lifecycle",
    "astrid.v1.event_bus",
    "astrid.v1.health",
    "astrid.v1.audit",
    "astrid.v1.capsules_loaded",
];

/// Topics of a person's answers, for which a capsule with the capability `uplink` speaks: these, and all below them.
pub const ANSWERS: [&str; 2] = ["astrid.v1.approval.response", "astrid.v1.elicit.response"];

impl Access {
    pub fn may_publish(&self, topic: &str) -> bool {
        self.publish.iter().any(|listed| covers(listed, topic))
    }

    /// Whether each topic of a pattern is listed.
    pub fn may_subscribe(&self, pattern: &str) -> bool {
        self.subscribe.iter().any(|listed| covers(listed, pattern))
    }
}

/// Whether a capsule may speak on a topic, whatever its manifest lists.
pub fn may_speak(topic: &str, uplink: bool) -> bool {
    let below = |root: &&str| {
        topic
            .strip_prefix(*root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    !HOST.iter().any(below) && (uplink || !ANSWERS.iter().any(below))
}

/// Whether a pattern has all that another one (or a topic, which is one) has: a last `*` is one segment or more, any other
/// exactly one.
pub fn covers(listed: &str, wanted: &str) -> bool {
    let mut listed = listed.split('.').peekable();
    let mut wanted = wanted.split('.');
    while let Some(segment) = listed.next() {
        match wanted.next() {
            None => return false,
            Some(_) if segment == "*" && listed.peek().is_none() => return true,
            Some(other) if segment == "*" || segment == other => {}
            Some(_) => return false,
        }
    }
    wanted.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_covers() {
        for (listed, wanted) in [
            ("a.b", "a.b"),
            ("*", "a"),
            ("*", "*"),
            ("a.*", "a.b"),
            ("a.*", "a.b.c"),
            ("a.*", "a.*"),
            ("a.*", "a.b.*"),
            ("a.*.c", "a.b.c"),
        ] {
            assert!(covers(listed, wanted), "{listed} {wanted}");
        }
        for (listed, wanted) in [
            ("a.b", "a"),
            ("a", "a.b"),
            ("a.*", "a"),
            ("a.*", "*"),
            ("a.b", "a.*"),
            ("a.*.c", "a.b.d"),
            ("a.*.c", "a.*"),
            ("a.*.*", "a.*"),
        ] {
            assert!(!covers(listed, wanted), "{listed} {wanted}");
        }
    }

    #[test]
    fn nobody_speaks_for_the_host_and_only_an_uplink_for_a_person() {
        assert!(may_speak("a.b", false) && may_speak("astrid.v1.healthy", false));
        assert!(!may_speak("astrid.v1.health.failed", true));
        assert!(!may_speak("astrid.v1.approval.response.7", false));
        assert!(may_speak("astrid.v1.approval.response.7", true));
    }
}
