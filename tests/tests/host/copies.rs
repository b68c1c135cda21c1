//! What the SDK and its host in memory have copied from the real host is what that has: limits, names, and who may speak on
//! a topic. The limits of `astrid:sys` and `astrid:io` are conformance cases.

use astrid_host::policy::speech::{self, Speaker};
use astrid_host::topic::{self, Topic, TopicPattern};
use astrid_host::{PrincipalId, bus, call, domain, payload, principal};
use astrid_sdk::private::copies;
use astrid_sdk::testing::{self, Host};
use astrid_sdk::{MAX_REASON, ipc};

#[test]
fn limits_are_the_hosts() {
    for (what, copy, host) in [
        ("a message", ipc::MAX_PAYLOAD, payload::MAX_PAYLOAD),
        ("a payload", testing::MAX_PAYLOAD, payload::MAX_PAYLOAD),
        ("levels", testing::MAX_NESTING, payload::MAX_NESTING),
        ("an action", testing::MAX_ACTION, call::MAX_ACTION),
        ("a reason", MAX_REASON, call::MAX_REASON),
        ("a line of log", testing::MAX_LINE, principal::LOG_LINE),
        ("a topic", ipc::MAX_TOPIC, topic::MAX_BYTES),
        ("segments", ipc::MAX_SEGMENTS, topic::MAX_SEGMENTS),
        (
            "subscriptions",
            ipc::MAX_SUBSCRIPTIONS,
            domain::ipc::SUBSCRIPTIONS,
        ),
        (
            "subscriptions of a handler",
            ipc::MAX_HANDLER_SUBSCRIPTIONS,
            domain::ipc::HANDLER_SUBSCRIPTIONS,
        ),
        ("messages kept", testing::MAX_KEPT, bus::QUEUE_MESSAGES),
    ] {
        assert_eq!(copy, host, "{what}");
    }
}

#[test]
fn the_same_topics_are_not_for_everybody() {
    let answers = speech::QUESTIONS.map(|question| format!("{question}.response"));
    let roots = [copies::HOST, speech::HOST].into_iter().flatten();
    let roots = roots.chain(copies::ANSWERS).chain(speech::QUESTIONS);
    let roots = roots.chain(answers.iter().map(String::as_str));
    for root in roots {
        for topic in [root.into(), format!("{root}.x"), format!("{root}x")] {
            let speaks = |host: Host| host.run(|| ipc::publish(&topic, &1)).is_ok();
            let copy = match [
                speaks(Host::new()),
                speaks(Host::new().capability("uplink")),
            ] {
                [true, true] => Speaker::Anybody,
                [false, true] => Speaker::Uplink,
                _ => Speaker::Host,
            };
            let host = speech::speaker(&Topic::parse(&topic).unwrap());
            assert_eq!(copy, host, "{topic}");
        }
    }
}

#[test]
fn the_same_texts_are_topics_patterns_and_names() {
    let segment = "x".repeat(topic::MAX_BYTES / 2);
    let texts = [
        "",
        "a",
        "A",
        "é",
        "a b",
        "-a",
        "_a",
        "a-b_c9",
        "9",
        "*",
        "a*",
        "*.a",
        "a.*.b",
        "a.b",
        ".a",
        "a.",
        "a..b",
        "a.*",
        "a.b.c.d.e.f.g.h",
        "a.b.c.d.e.f.g.*",
        "a.b.c.d.e.f.g.h.i",
        "a.b.c.d.e.f.g.h.*",
    ]
    .map(String::from);
    let long = [
        "x".repeat(64),
        "x".repeat(65),
        format!("{segment}.{}", "x".repeat(segment.len() - 1)),
        format!("{segment}.{segment}"),
        format!("{segment}.{}.*", "x".repeat(segment.len() - 3)),
        format!("{segment}.{}.*", "x".repeat(segment.len() - 2)),
    ];
    for text in texts.into_iter().chain(long) {
        let sdk = Host::new();
        let published = sdk.run(|| ipc::publish(&text, &1));
        assert_eq!(published.is_ok(), Topic::parse(&text).is_ok(), "{text}");
        let subscribed = sdk.run(|| ipc::subscribe(&text).map(drop));
        let inside = text
            .rsplit_once('.')
            .is_some_and(|(rest, _)| rest.contains('*'));
        let is_pattern = TopicPattern::parse(&text).is_ok() && !inside;
        assert_eq!(subscribed.is_ok(), is_pattern, "{text}");
        let name = text.parse::<PrincipalId>();
        assert_eq!(ipc::Principal::new(&text).is_ok(), name.is_ok(), "{text}");
    }
}

#[test]
fn a_listed_pattern_covers_the_same_ones() {
    let patterns = [
        "a", "*", "a.b", "a.*", "a.b.c", "a.b.*", "a.*.c", "a.*.*", "*.b",
    ];
    for listed in patterns {
        let host = Host::new().manifest(&format!("[subscribe]\n\"{listed}\" = {{}}"));
        let parsed = TopicPattern::parse(listed).unwrap();
        for wanted in [
            "a", "*", "a.b", "a.*", "a.b.c", "a.b.*", "b", "b.b", "a.a.c",
        ] {
            let subscribed = host.run(|| ipc::subscribe(wanted).map(drop));
            let covers = parsed.covers_acl(&TopicPattern::parse(wanted).unwrap());
            assert_eq!(subscribed.is_ok(), covers, "{listed} {wanted}");
        }
    }
}
